import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import net from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { NetworkService, NetworkServiceRequestSchema } from "@nsmkit/api/networkservice";
import { insecureIdentity } from "../../identity/index.ts";
import type { Peer, Server, ServerCall } from "../api.ts";
import { dial } from "../client/channel.ts";
import { listen } from "./listen.ts";
import { bindService } from "./service.ts";

const identity = insecureIdentity({ name: "test" });
const services = [bindService(NetworkService, { request: async () => ({ id: "here" }), close: async () => ({}) })];
const serve = (...urls: string[]): Promise<Server> => listen(urls, { identity, services });
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "nsmkit-listen-"));
});
after(() => rm(folder, { recursive: true }));

async function answers(url: string): Promise<void> {
  await using channel = dial(url, { identity });
  const { message } = await channel.unary(NetworkService.method.request, create(NetworkServiceRequestSchema));
  assert.equal(message.id, "here");
}

test("the folder of a socket is made, and everybody may connect", async () => {
  const path = join(folder, "deep/er/nsm.sock");
  await using server = await serve(`unix://${path}`);
  assert.equal((await stat(path)).mode & 0o777, 0o777);
  await answers(server.urls[0] ?? "");
});

test("the mode of a socket is the one asked for", async () => {
  const path = join(folder, "mode.sock");
  await using _server = await listen([`unix://${path}`], { identity, services, socketMode: 0o700 });
  assert.equal((await stat(path)).mode & 0o777, 0o700);
});

test("the socket of a killed program is taken over", async () => {
  const path = join(folder, "stale.sock");
  const script = join(folder, "victim.mjs");
  await writeFile(
    script,
    `import net from "node:net"; net.createServer().listen(process.argv[2], () => process.send("up"));`,
  );
  const child = fork(script, [path]);
  await once(child, "message");
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
  assert.ok((await stat(path)).isSocket());
  await using server = await serve(`unix://${path}`);
  await answers(server.urls[0] ?? "");
});

test("the socket of a living program is left alone, and the error names it and what to do", async () => {
  const url = `unix://${join(folder, "live.sock")}`;
  await using first = await serve(url);
  await assert.rejects(serve(url), { code: "ALREADY_EXISTS", message: new RegExp(`${url}.*stop that program`) });
  await answers(first.urls[0] ?? "");
});

test("the socket of a living program is taken when that is asked for, but no file that is none", async () => {
  const path = join(folder, "taken.sock");
  const other = net.createServer();
  other.listen(path);
  await once(other, "listening");
  await using server = await listen([`unix://${path}`], { identity, services, takeOver: true });
  await answers(server.urls[0] ?? "");
  other.close();
  await writeFile(join(folder, "file"), "data");
  await assert.rejects(listen([`unix://${join(folder, "file")}`], { identity, services, takeOver: true }), {
    code: "FAILED_PRECONDITION",
  });
});

test("a server that wants no files serves over its socket and has none", async () => {
  let peer: Peer | undefined;
  const request = async (_: unknown, call: ServerCall) => {
    peer = call.peer;
    return { id: "here" };
  };
  const url = `unix://${join(folder, "nofiles.sock")}`;
  const service = bindService(NetworkService, { request, close: async () => ({}) });
  await using server = await listen([url], { identity, services: [service], files: false });
  await using channel = dial(server.urls[0] ?? "", { identity });
  const ask = create(NetworkServiceRequestSchema, { connection: { id: "x".repeat(1_000_000) } });
  // The file is lost on the way and closed by the kernel; the call is not.
  await channel.unary(NetworkService.method.request, ask, { files: ["/proc/self/ns/net"] });
  assert.deepEqual(peer, { transport: "unix", address: url });
});

test("an abstract name and a port that are taken are ALREADY_EXISTS", async () => {
  await using first = await serve(`unix://@nsmkit-listener-${process.pid}`, "tcp://127.0.0.1:0");
  for (const url of first.urls) await assert.rejects(serve(url), { code: "ALREADY_EXISTS" });
});

test("a file that is no socket is not removed", async () => {
  const path = join(folder, "precious");
  await writeFile(path, "data");
  await assert.rejects(serve(`unix://${path}`), { code: "FAILED_PRECONDITION", message: /no socket/ });
  assert.equal((await stat(path)).size, 4);
  await symlink(path, join(folder, "link"));
  await assert.rejects(serve(`unix://${join(folder, "link")}`), { code: "FAILED_PRECONDITION" });
});

test("when one URL cannot be served, none is", async () => {
  const url = `unix://${join(folder, "half.sock")}`;
  await assert.rejects(serve(url, "tcp://192.0.2.1:1"), { code: "INVALID_ARGUMENT", message: /no such address/ });
  await using server = await serve(url);
  await answers(server.urls[0] ?? "");
});

test("a URL without a host is served on every address, of both families", async () => {
  await using server = await serve("tcp://:0");
  const port = Number(/:(\d+)$/.exec(server.urls[0] ?? "")?.[1]);
  await answers(`tcp://:${port}`);
  await answers(`tcp://127.0.0.1:${port}`);
  const six = Object.values(networkInterfaces())
    .flat()
    .some((one) => one?.address === "::1");
  if (six) await answers(`tcp://[::1]:${port}`);
});

test("an IPv6 URL alone leaves the port of IPv4 to others", async (t) => {
  const six = Object.values(networkInterfaces())
    .flat()
    .some((one) => one?.address === "::1");
  if (!six) return t.skip("this machine has no IPv6");
  await using server = await listen(["tcp://[::]:0"], { identity, services, ipv6Only: true });
  const port = Number(/:(\d+)$/.exec(server.urls[0] ?? "")?.[1]);
  await using _four = await serve(`tcp://0.0.0.0:${port}`);
  await answers(`tcp://[::1]:${port}`);
});
