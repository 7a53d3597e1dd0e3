// Descriptors between two of our programs through a peer that is not ours, in both directions.
import assert from "node:assert/strict";
import { type ChildProcessByStdio, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { after, before, describe, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { NetworkService, NetworkServiceRequestSchema } from "@nsmkit/api/networkservice";
import { mustExist } from "@nsmkit/core";
import { insecureIdentity, spiffeIdentity } from "@nsmkit/sdk/identity";
import { createTestCa } from "@nsmkit/sdk/testing";
import { bindService, dial, type Identity, inodeUrl, listen, type Peer } from "@nsmkit/sdk/transport";

const python = spawnSync("python3", ["-c", "import socket; socket.socket.recvmsg"]);
const skip = python.status === 0 ? false : "python3 is not installed; it plays the foreign peer";

interface Line {
  readonly way?: "request" | "reply";
  readonly inode?: string;
  readonly link?: string;
  readonly together?: number;
  readonly listening?: boolean;
  /** Descriptors of the peer, at its start and at its end. */
  readonly open?: number;
}

/** The foreign peer as a process. */
class Relay {
  readonly lines: Line[] = [];
  readonly child: ChildProcessByStdio<null, Readable, null>;
  readonly #reading: Promise<void>;

  constructor(listenOn: string, connectTo: string) {
    const script = join(import.meta.dirname, "relay.py");
    this.child = spawn("python3", [script, listenOn, connectTo], { stdio: ["ignore", "pipe", "inherit"] });
    this.#reading = this.#read(this.child.stdout);
  }

  async #read(stdout: Readable): Promise<void> {
    for await (const line of createInterface(stdout)) this.lines.push(JSON.parse(line) as Line);
  }

  async listening(): Promise<void> {
    while (!this.lines.some(({ listening }) => listening)) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** Ends by itself when one side closed. */
  async ended(): Promise<void> {
    await this.#reading;
    if (this.child.exitCode === null) await once(this.child, "exit");
  }
}

describe("descriptors through a foreign peer", { skip }, () => {
  let folder: string;
  const callers: Peer[] = [];
  const service = bindService(NetworkService, {
    async request(request, call) {
      callers.push(call.peer);
      const files = mustExist(call.peer.files, "files");
      const links: string[] = [];
      for (const { parameters } of request.mechanismPreferences) {
        await using file = await files.receive(mustExist(parameters.inodeURL, "inodeURL"), { signal: call.signal });
        links.push(await readlink(file.path));
      }
      return { id: await files.send("/proc/self/ns/uts"), networkService: links.join(" ") };
    },
    close: async () => ({}),
  });
  const openFiles = async (): Promise<number> => (await readdir("/proc/self/fd")).length;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "nsmkit-fdpass-"));
  });
  after(() => rm(folder, { recursive: true }));

  const secure = async (): Promise<[Identity, Identity]> => {
    const ca = await createTestCa();
    return [
      await spiffeIdentity({ source: ca.source({ path: "/client" }) }),
      await spiffeIdentity({ source: ca.source({ path: "/server" }) }),
    ];
  };
  const plain = async (): Promise<[Identity, Identity]> => [
    insecureIdentity({ name: "client" }),
    insecureIdentity({ name: "server" }),
  ];

  for (const [how, identities, relayOn] of [
    ["in the clear", plain, (name: string) => join(folder, `${name}.sock`)],
    ["in the clear on an abstract socket", plain, (name: string) => `@nsmkit-${process.pid}-${name}`],
    ["below mutual TLS", secure, (name: string) => join(folder, `${name}.sock`)],
  ] as const) {
    test(`two hundred calls with files both ways, ${how}`, { timeout: 60_000 }, async () => {
      const name = how.replaceAll(" ", "-");
      const before = await openFiles();
      const [ours, theirs] = await identities();
      const server = await listen([`unix://${join(folder, `${name}-server.sock`)}`], {
        identity: theirs,
        services: [service],
      });
      const relay = new Relay(relayOn(name), join(folder, `${name}-server.sock`));
      try {
        await relay.listening();
        const channel = dial(`unix://${relayOn(name)}`, { identity: ours, dialTimeoutMs: 5000 });
        const signal = AbortSignal.timeout(30_000);
        const paths = ["/proc/self/ns/net", "/proc/self/ns/ipc"];
        const request = create(NetworkServiceRequestSchema, {
          mechanismPreferences: paths.map((path) => ({ parameters: { inodeURL: inodeUrl(path) } })),
        });
        const call = async (): Promise<void> => {
          const options = { files: paths, signal };
          const { message, peer } = await channel.unary(NetworkService.method.request, request, options);
          assert.match(message.networkService, /^net:\[\d+\] ipc:\[\d+\]$/);
          await using file = await mustExist(peer.files, "files").receive(message.id, { signal });
          assert.match(await readlink(file.path), /^uts:/);
        };
        for (let n = 0; n < 20; n++) await Promise.all(Array.from({ length: 10 }, call));
        assert.equal(callers.at(-1)?.credentials?.pid, relay.child.pid);
        await channel.close();
        await relay.ended();
      } finally {
        relay.child.kill("SIGKILL");
        await server.destroy();
      }
      const seen = (way: "request" | "reply"): Line[] => relay.lines.filter((line) => line.way === way);
      assert.equal(seen("request").length, 400);
      assert.equal(seen("reply").length, 200);
      assert.ok(
        relay.lines.every(({ together = 1 }) => together === 1),
        "one descriptor a sendmsg",
      );
      assert.equal(seen("reply")[0]?.inode, inodeUrl("/proc/self/ns/uts"));
      assert.equal(relay.lines.at(-1)?.open, relay.lines[0]?.open, "a descriptor was sent and not passed on");
      await ours.close();
      await theirs.close();
      assert.equal(await openFiles(), before);
    });
  }
});
