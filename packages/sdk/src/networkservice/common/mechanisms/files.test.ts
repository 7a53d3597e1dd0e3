import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { CodedError } from "@nsmkit/core";
import { FakeClock, settle } from "@nsmkit/core/testing";
import { chain } from "../../../chain/chain.ts";
import { FakeChannel } from "../../../testing/channel.ts";
import { fakeCall, RecordingEnd, requestOf, testContext } from "../../../testing/elements.ts";
import type { FileTransceiver, ReceivedFile } from "../../../transport/api.ts";
import { inodeUrl } from "../../../transport/inode.ts";
import type { NetworkServiceElement, NetworkServiceKind } from "../../core/kind.ts";
import { beginServer } from "../../core/rules.ts";
import { nextHop, outgoingFiles } from "../dial/nexthop.ts";
import { recvFdClient } from "./recvfd/client.ts";
import { recvFdServer } from "./recvfd/server.ts";
import { sendFdClient } from "./sendfd/client.ts";
import { filePath } from "./sendfd/file-url.ts";
import { sendFdServer } from "./sendfd/server.ts";
import { mechanism } from "./types.ts";

/** A socket's files: what was sent over it, and what the peer has sent. */
class FakeFiles implements FileTransceiver {
  readonly sent: string[] = [];
  readonly open = new Set<string>();
  opened = 0;
  /** URLs that never arrive. */
  readonly missing = new Set<string>();

  async send(path: string): Promise<string> {
    this.sent.push(path);
    return inodeUrl(path);
  }

  async receive(url: string, { signal }: { signal: AbortSignal }): Promise<ReceivedFile> {
    if (this.missing.has(url))
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    const path = `/proc/1/fd/${++this.opened}`;
    this.open.add(path);
    const close = async (): Promise<void> => void this.open.delete(path);
    return { path, inodeUrl: url, close, [Symbol.asyncDispose]: close };
  }
}

const parametersOf = (init: Record<string, string>) => [mechanism("KERNEL", init)];
const urlOf = (end: RecordingEnd, at = 0) => end.requests[at]?.mechanismPreferences[0]?.parameters.inodeURL;

function server(elements: readonly NetworkServiceElement[], files: FakeFiles | undefined) {
  const clock = new FakeClock();
  const end = new RecordingEnd();
  const first = beginServer({ clock });
  const all = chain<NetworkServiceKind>([first, ...elements], end);
  const call = fakeCall({ peer: files ? { files } : {} });
  const ask = (init: Parameters<typeof requestOf>[0], preferences = parametersOf({})) =>
    all.request(testContext({ clock, call }), requestOf(init, preferences));
  return { all, ask, clock, end, first };
}

/** Answers with the first preference, as an endpoint without choice. */
const takesFirst = (end: RecordingEnd): void => {
  end.reply = (connection) => {
    connection.mechanism ??= structuredClone(end.requests.at(-1)?.mechanismPreferences[0]);
    return connection;
  };
};

test("a received file is a path below, and the sender's own URL in the reply", async () => {
  const files = new FakeFiles();
  const { ask, end } = server([recvFdServer()], files);
  takesFirst(end);
  const reply = await ask({ id: "c" }, parametersOf({ inodeURL: "inode://4/1" }));
  assert.equal(urlOf(end), "file:///proc/1/fd/1");
  assert.equal(reply.mechanism?.parameters.inodeURL, "inode://4/1");
});

test("a caller that names a path instead of passing a file is refused, over whatever it calls", async () => {
  for (const files of [new FakeFiles(), undefined]) {
    const { ask, end, first } = server([recvFdServer()], files);
    for (const inodeURL of ["file:///proc/1/ns/net", "file:/proc/1/ns/net"])
      await assert.rejects(ask({ id: "c" }, parametersOf({ inodeURL })), {
        code: "INVALID_ARGUMENT",
        message: /inodeURL is "file:.*pass the file itself/,
      });
    await assert.rejects(ask({ id: "c", mechanism: mechanism("KERNEL", { inodeURL: "file:///proc/1/ns/net" }) }), {
      code: "INVALID_ARGUMENT",
    });
    assert.deepEqual([end.requests.length, first.size], [0, 0]);
  }
});

test("a refresh finds the same path, and close closes the file", async () => {
  const files = new FakeFiles();
  const { all, ask, end } = server([recvFdServer()], files);
  takesFirst(end);
  const reply = await ask({ id: "c" }, parametersOf({ inodeURL: "inode://4/1" }));
  await all.request(testContext({ call: fakeCall({ peer: { files } }) }), requestOf(reply));
  assert.deepEqual(
    [end.requests[1]?.connection?.mechanism?.parameters.inodeURL, files.opened],
    ["file:///proc/1/fd/1", 1],
  );
  await all.close(testContext(), reply);
  await settle();
  assert.equal(files.open.size, 0);
});

test("files of preferences that were not chosen are closed", async () => {
  const files = new FakeFiles();
  const { ask, end } = server([recvFdServer()], files);
  takesFirst(end);
  await ask({ id: "c" }, [...parametersOf({ inodeURL: "inode://4/1" }), ...parametersOf({ inodeURL: "inode://4/2" })]);
  await settle();
  assert.deepEqual([files.opened, files.open.size], [2, 1]);
});

test("connections that name the same file over one socket share it, until the last of them ends", async () => {
  const files = new FakeFiles();
  const { all, ask, end } = server([recvFdServer()], files);
  takesFirst(end);
  const replies = [];
  for (const id of ["a", "b"]) replies.push(await ask({ id }, parametersOf({ inodeURL: "inode://4/1" })));
  assert.equal(files.opened, 1);
  const call = fakeCall({ peer: { files } });
  for (const [at, reply] of replies.entries()) {
    await all.close(testContext({ call }), reply);
    await settle();
    assert.equal(files.open.size, 1 - at);
  }
});

test("a failed first request keeps no file", async () => {
  const files = new FakeFiles();
  const { ask, end } = server([recvFdServer()], files);
  end.reply = () => Promise.reject(new CodedError("UNAVAILABLE", "no"));
  await assert.rejects(ask({ id: "c" }, parametersOf({ inodeURL: "inode://4/1" })));
  await settle();
  assert.equal(files.open.size, 0);
});

test("a file that is named and never sent is an error, not a hang", async () => {
  const files = new FakeFiles();
  files.missing.add("inode://4/9");
  const { ask, clock, first } = server([recvFdServer()], files);
  const failed = assert.rejects(ask({ id: "c" }, parametersOf({ inodeURL: "inode://4/9" })), {
    code: "DEADLINE_EXCEEDED",
    message: /inode:\/\/4\/9/,
  });
  await clock.advance(5_000);
  await failed;
  assert.deepEqual([first.size, clock.pendingTimers], [0, 0]);
});

test("over TCP nothing is received and URLs stay as they are", async () => {
  const { ask, end } = server([recvFdServer()], undefined);
  await ask({ id: "c" }, parametersOf({ inodeURL: "inode://4/1" }));
  assert.equal(urlOf(end), "inode://4/1");
});

function client(elements: readonly NetworkServiceElement[], files: FakeFiles | undefined) {
  const end = new RecordingEnd();
  const channel = new FakeChannel(end, { peer: files ? { files } : {} });
  const dial: NetworkServiceElement = {
    name: "dial",
    request: (ctx, request, next) =>
      next.request(ctx.with(nextHop, { url: channel.target, channel, peer: channel.peer }), request),
    close: (ctx, connection, next) =>
      next.close(ctx.with(nextHop, { url: channel.target, channel, peer: channel.peer }), connection),
  };
  const all = chain<NetworkServiceKind>([beginServer(), dial, ...elements], end);
  return { all, end };
}

function withFile<T>(run: (url: string, path: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), "nsm-files-"));
  const path = join(directory, "netns");
  writeFileSync(path, "");
  return run(`file://${path}`, path).finally(() => rmSync(directory, { recursive: true }));
}

test("a file that a preference names goes with the call under its inode, and is a file again in the reply", () =>
  withFile(async (url, path) => {
    const { all, end } = client([sendFdClient()], new FakeFiles());
    takesFirst(end);
    const preferences = [...parametersOf({ inodeURL: url }), ...parametersOf({ inodeURL: url })];
    const reply = await all.request(testContext(), requestOf({ id: "c" }, preferences));
    assert.deepEqual([urlOf(end), end.contexts[0]?.get(outgoingFiles)], [inodeUrl(path), [path]]);
    assert.equal(reply.mechanism?.parameters.inodeURL, url);
  }));

test("a file that does not exist is an error that names it", async () => {
  const { all } = client([sendFdClient()], new FakeFiles());
  const asked = requestOf({ id: "c" }, parametersOf({ inodeURL: "file:///no/such/netns" }));
  await assert.rejects(all.request(testContext(), asked), { code: "NOT_FOUND", message: /\/no\/such\/netns/ });
});

test("close goes on when the file is gone", async () => {
  const { all, end } = client([sendFdClient()], new FakeFiles());
  end.reply = (connection) =>
    Object.assign(connection, { mechanism: mechanism("KERNEL", { inodeURL: "file:///no/such" }) });
  const reply = await all.request(testContext(), requestOf({ id: "c" }));
  await all.close(testContext(), reply);
  assert.equal(end.closes.length, 1);
});

test("a next hop that answers with a path which we did not send is refused, and its connection closed", async () => {
  const { all, end } = client([recvFdClient(), sendFdClient()], new FakeFiles());
  end.reply = (connection) =>
    Object.assign(connection, { mechanism: mechanism("KERNEL", { inodeURL: "file:///proc/1/ns/net" }) });
  await assert.rejects(all.request(testContext(), requestOf({ id: "c" })), { code: "PROTOCOL" });
  assert.equal(end.closes.length, 1);
});

test("a file that the next hop answers with is a path above, and closed with the connection", async () => {
  const files = new FakeFiles();
  const { all, end } = client([recvFdClient(), sendFdClient()], files);
  end.reply = (connection) =>
    Object.assign(connection, { mechanism: mechanism("KERNEL", { inodeURL: "inode://4/7" }) });
  const reply = await all.request(testContext(), requestOf({ id: "c" }));
  assert.equal(reply.mechanism?.parameters.inodeURL, "file:///proc/1/fd/1");
  await all.close(testContext(), reply).catch(() => {});
  await settle();
  assert.equal(files.open.size, 0);
});

test("an answer whose file never comes is closed again", async () => {
  const files = new FakeFiles();
  files.missing.add("inode://4/7");
  const { all, end } = client([recvFdClient()], files);
  end.reply = (connection) =>
    Object.assign(connection, { mechanism: mechanism("KERNEL", { inodeURL: "inode://4/7" }) });
  const clock = new FakeClock();
  const failed = assert.rejects(all.request(testContext({ clock }), requestOf({ id: "c" })), {
    code: "DEADLINE_EXCEEDED",
  });
  await clock.advance(5_000);
  await failed;
  assert.equal(end.closes.length, 1);
});

test("an endpoint's own namespace goes to the caller under its inode", () =>
  withFile(async (url, path) => {
    const files = new FakeFiles();
    const { ask, end } = server([sendFdServer()], files);
    end.reply = (connection) => Object.assign(connection, { mechanism: mechanism("KERNEL", { inodeURL: url }) });
    const reply = await ask({ id: "c" });
    assert.deepEqual([reply.mechanism?.parameters.inodeURL, files.sent], [inodeUrl(path), [path]]);
  }));

test("only absolute file URLs name a file", () => {
  assert.equal(filePath("file:///run/netns/a b"), "/run/netns/a b");
  assert.deepEqual([filePath(undefined), filePath(""), filePath("inode://4/1")], [undefined, undefined, undefined]);
  for (const url of ["file:", "file://", "file:relative", "file://host/path"])
    assert.throws(() => filePath(url), { code: "INVALID_ARGUMENT" });
});
