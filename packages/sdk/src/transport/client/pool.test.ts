import assert from "node:assert/strict";
import { mkdtemp, open, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { NetworkService, NetworkServiceRequestSchema } from "@nsmkit/api/networkservice";
import { FakeClock } from "@nsmkit/core/testing";
import { insecureIdentity } from "../../identity/index.ts";
import { listen } from "../server/listen.ts";
import { bindService } from "../server/service.ts";
import { channelPool } from "./pool.ts";

const identity = insecureIdentity({ name: "test" });
const service = bindService(NetworkService, { request: async () => ({ id: "here" }), close: async () => ({}) });
const request = create(NetworkServiceRequestSchema);
const { request: method } = NetworkService.method;
const openFiles = async (): Promise<number> => (await readdir("/proc/self/fd")).length;
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "nsmkit-pool-"));
});
after(() => rm(folder, { recursive: true }));

test("leases of one URL share a channel, which outlives its last user for a while", async () => {
  const clock = new FakeClock();
  await using pool = channelPool({ identity, clock, idleMs: 1000 });
  const [one, two] = [pool.acquire("tcp://127.0.0.1:1"), pool.acquire("tcp://127.0.0.1:1")];
  assert.equal(one.channel, two.channel);
  one.release();
  one.release();
  await clock.advance(2000);
  assert.equal(pool.size, 1);
  two.release();
  await clock.advance(999);
  const three = pool.acquire("tcp://127.0.0.1:1");
  assert.equal(three.channel, one.channel);
  await clock.advance(2000);
  assert.equal(pool.size, 1);
  three.release();
  await clock.advance(1000);
  assert.equal(pool.size, 0);
});

test("descriptors of one socket file share a channel that works on after they are closed", async () => {
  const before = await openFiles();
  const path = join(folder, "nse.sock");
  const server = await listen([`unix://${path}`], { identity, services: [service] });
  const pool = channelPool({ identity });
  const handles = [await open(path, 0o10000000), await open(path, 0o10000000)];
  const [one, two] = handles.map(({ fd }) => pool.acquire(`unix:///proc/${process.pid}/fd/${fd}`));
  assert.equal(one?.channel, two?.channel);
  for (const handle of handles) await handle.close();
  assert.equal((await one?.channel.unary(method, request))?.message.id, "here");
  await pool.close();
  await server.close();
  assert.equal(await openFiles(), before);
});

test("two socket files under the number of one descriptor are two servers", async () => {
  const paths = [join(folder, "a.sock"), join(folder, "b.sock")];
  const servers = await Promise.all(
    paths.map((path) =>
      listen([`unix://${path}`], {
        identity,
        services: [bindService(NetworkService, { request: async () => ({ id: path }), close: async () => ({}) })],
      }),
    ),
  );
  await using pool = channelPool({ identity });
  const answers: string[] = [];
  const numbers = new Set<number>();
  for (const path of paths) {
    await using handle = await open(path, 0o10000000);
    numbers.add(handle.fd);
    const lease = pool.acquire(`unix:///proc/self/fd/${handle.fd}`);
    answers.push((await lease.channel.unary(method, request)).message.id);
  }
  assert.deepEqual(answers, paths);
  for (const server of servers) await server.close();
});

test("a descriptor that is closed already is NOT_FOUND", async () => {
  await using pool = channelPool({ identity });
  assert.throws(() => pool.acquire("unix:///proc/self/fd/99999"), { code: "NOT_FOUND" });
});

test("a closed pool has closed its channels and opens no more", async () => {
  const pool = channelPool({ identity });
  const { channel } = pool.acquire("tcp://127.0.0.1:1");
  await pool.close();
  await assert.rejects(channel.unary(method, request), { code: "CLOSED" });
  assert.throws(() => pool.acquire("tcp://127.0.0.1:1"), { code: "CLOSED" });
});
