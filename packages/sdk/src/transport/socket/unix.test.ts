import assert from "node:assert/strict";
import { mkdtemp, readdir, readlink, rm, stat, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Deferred } from "@nsmkit/core";
import { FakeClock } from "@nsmkit/core/testing";
import type { PipeEvents } from "../pipe.ts";
import { UnixSocket } from "./unix.ts";

let folder: string;
let server: net.Server;
let accepted: Deferred<net.Socket>;
const clock = new FakeClock();

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "nsmkit-unix-"));
  server = net.createServer({ pauseOnConnect: true }, (socket) => accepted.resolve(socket));
  await new Promise<void>((resolve) => server.listen(join(folder, "socket"), resolve));
});
after(async () => {
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

/** Keeps what came. */
class Sink implements PipeEvents {
  readonly chunks: Uint8Array[] = [];
  readonly ended = new Deferred<void>();
  readonly closed = new Deferred<unknown>();
  drained = new Deferred<void>();
  onBytes(bytes: Uint8Array): void {
    this.chunks.push(bytes);
  }
  onEnd(): void {
    this.ended.resolve();
  }
  onDrain(): void {
    this.drained.resolve();
  }
  onClose(error: unknown): void {
    this.closed.resolve(error);
  }
  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

interface End {
  socket: UnixSocket;
  sink: Sink;
}

async function pair(): Promise<[End, End]> {
  accepted = new Deferred();
  const raw = net.connect(join(folder, "socket"));
  raw.pause();
  await new Promise<void>((resolve) => raw.once("connect", resolve));
  const ends = [raw, await accepted.promise].map((one) => ({
    socket: new UnixSocket(one, { clock }),
    sink: new Sink(),
  }));
  for (const { socket, sink } of ends) socket.start(sink);
  return ends as [End, End];
}

async function finish(...ends: End[]): Promise<void> {
  for (const { socket } of ends) socket.destroy();
  await Promise.all(ends.map(({ sink }) => sink.closed.promise));
}

const openFiles = async (): Promise<number> => (await readdir("/proc/self/fd")).length;
const within = { signal: AbortSignal.timeout(10_000) };
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test("bytes arrive whole and in order when the reader is slower than the writer", async () => {
  const [left, right] = await pair();
  right.socket.pause();
  const sent = Buffer.alloc(3_000_000, "0123456789abcdef!");
  let waited = 0;
  for (let at = 0; at < sent.length; at += 100_000) {
    left.sink.drained = new Deferred();
    if (left.socket.write(sent.subarray(at, at + 100_000))) continue;
    waited++;
    right.socket.resume();
    await left.sink.drained.promise;
    right.socket.pause();
  }
  right.socket.resume();
  left.socket.end();
  await right.sink.ended.promise;
  assert.ok(waited > 0, "the writer was asked to wait");
  assert.ok(right.sink.bytes.equals(sent));
  await finish(left, right);
});

test("a writer that was asked to wait is told to go on, also when it wrote more meanwhile", async () => {
  const [left, right] = await pair();
  right.socket.pause();
  while (left.socket.write(Buffer.alloc(100_000))) await pause(0);
  const { drained } = left.sink;
  right.socket.resume();
  let told = false;
  void drained.promise.then(() => {
    told = true;
  });
  for (let turn = 0; turn < 1000 && !told; turn++) {
    left.socket.write(Buffer.alloc(10));
    await pause(0);
  }
  assert.ok(told);
  await finish(left, right);
});

test("a file arrives under the inode that its sender named, and opens as the same file", async () => {
  const [left, right] = await pair();
  const path = join(folder, "file");
  await writeFile(path, "content");
  const url = await left.socket.send(path);
  const { dev, ino } = await stat(path, { bigint: true });
  assert.equal(url, `inode://${dev}/${ino}`);
  const waiting = right.socket.receive(url, within);
  left.socket.write(Buffer.from("ab"));
  await using file = await waiting;
  assert.equal(await readlink(file.path), path);
  assert.equal((await stat(file.path, { bigint: true })).ino, ino);
  await pause(5);
  assert.equal(right.sink.bytes.toString(), "ab");
  await finish(left, right);
});

test("files travel in both directions at once", async () => {
  const [left, right] = await pair();
  const [there, back] = [await left.socket.send("/proc/self/ns/net"), await right.socket.send("/proc/self/ns/uts")];
  left.socket.write(Buffer.from("x"));
  right.socket.write(Buffer.from("y"));
  await using net1 = await right.socket.receive(there, within);
  await using uts = await left.socket.receive(back, within);
  assert.match(await readlink(net1.path), /^net:/);
  assert.match(await readlink(uts.path), /^uts:/);
  await finish(left, right);
});

test("a unix socket's file can be sent and connected to by its path", async () => {
  const [left, right] = await pair();
  const url = await left.socket.send(join(folder, "socket"));
  left.socket.write(Buffer.from("x"));
  await using file = await right.socket.receive(url, within);
  accepted = new Deferred();
  const connection = net.connect(file.path);
  const other = await accepted.promise;
  connection.destroy();
  other.destroy();
  await finish(left, right);
});

test("each receive gives a descriptor of its own that outlives the connection", async () => {
  const [left, right] = await pair();
  const url = await left.socket.send("/proc/self/ns/net");
  left.socket.write(Buffer.from("x"));
  const [one, two] = [await right.socket.receive(url, within), await right.socket.receive(url, within)];
  assert.notEqual(one.path, two.path);
  await finish(left, right);
  assert.match(await readlink(one.path), /^net:/);
  await one.close();
  assert.match(await readlink(two.path), /^net:/);
  await two.close();
  await two.close();
});

test("a file that never comes ends the wait with the signal's reason", async () => {
  const [left, right] = await pair();
  await assert.rejects(right.socket.receive("inode://1/2", { signal: AbortSignal.timeout(5) }), {
    code: "DEADLINE_EXCEEDED",
  });
  const waiting = right.socket.receive("inode://1/2", within);
  right.socket.destroy();
  await assert.rejects(waiting, { code: "CLOSED" });
  await finish(left, right);
});

test("more files than bytes leave with the bytes that follow", async () => {
  const [left, right] = await pair();
  const urls = await Promise.all(["net", "uts", "pid", "ipc"].map((ns) => left.socket.send(`/proc/self/ns/${ns}`)));
  left.socket.write(Buffer.from("1"));
  left.socket.write(Buffer.from("234"));
  for (const url of urls) await (await right.socket.receive(url, within)).close();
  assert.equal(right.sink.bytes.toString(), "1234");
  await finish(left, right);
});

test("files sent while the socket is full arrive when the peer reads again, and no byte is lost", async () => {
  const [left, right] = await pair();
  right.socket.pause();
  const flood = Buffer.alloc(2_000_000, "flood!");
  left.socket.write(flood);
  const url = await left.socket.send("/proc/self/ns/net");
  left.socket.write(Buffer.from("a"));
  await pause(20);
  right.socket.resume();
  await (await right.socket.receive(url, within)).close();
  left.socket.end();
  await right.sink.ended.promise;
  assert.ok(right.sink.bytes.equals(Buffer.concat([flood, Buffer.from("a")])));
  await finish(left, right);
});

test("a file of which there are no bytes to spare waits for room without overtaking", async () => {
  const [left, right] = await pair();
  right.socket.pause();
  // Fills the kernel's buffer to the last byte that it takes, so that the next byte has to wait.
  while (left.socket.write(Buffer.alloc(300_000))) await pause(0);
  const before = right.sink.bytes.length;
  const url = await left.socket.send("/proc/self/ns/net");
  left.socket.write(Buffer.from("z"));
  right.socket.resume();
  await (await right.socket.receive(url, within)).close();
  left.socket.end();
  await right.sink.ended.promise;
  assert.ok(right.sink.bytes.length > before);
  assert.equal(right.sink.bytes.at(-1), "z".charCodeAt(0));
  await finish(left, right);
});

test("a peer that sends more files than may wait loses the oldest", async () => {
  const before = await openFiles();
  const [left, right] = await pair();
  const paths = Array.from({ length: 600 }, (_, n) => join(folder, `many-${n}`));
  for (const path of paths) await writeFile(path, "");
  const urls: string[] = [];
  for (const path of paths) urls.push(await left.socket.send(path));
  left.socket.write(Buffer.alloc(1000));
  await (await right.socket.receive(urls.at(-1) ?? "", within)).close();
  assert.ok((await openFiles()) <= before + 2 + 512 + 1);
  await assert.rejects(right.socket.receive(urls[0] ?? "", { signal: AbortSignal.timeout(5) }));
  await finish(left, right);
  assert.equal(await openFiles(), before);
});

test("a file that nobody asks for is closed after a minute", async () => {
  const [left, right] = await pair();
  const url = await left.socket.send("/proc/self/ns/net");
  left.socket.write(Buffer.from("x"));
  await (await right.socket.receive(url, within)).close();
  const held = await openFiles();
  await clock.advance(59_999);
  assert.equal(await openFiles(), held);
  await clock.advance(1);
  assert.equal(await openFiles(), held - 1);
  await finish(left, right);
});

test("closing a connection closes what was parked and what was not sent yet", async () => {
  const before = await openFiles();
  for (let round = 0; round < 20; round++) {
    const [left, right] = await pair();
    const url = await left.socket.send("/proc/self/ns/net");
    left.socket.write(Buffer.from("x"));
    await left.socket.send("/proc/self/ns/uts");
    await (await right.socket.receive(url, within)).close();
    await finish(left, right);
  }
  assert.equal(await openFiles(), before);
});

test("a peer that goes away closes the other end", async () => {
  const [left, right] = await pair();
  left.socket.destroy();
  await right.sink.ended.promise;
  right.socket.write(Buffer.from("into the void"));
  const error = await right.sink.closed.promise;
  assert.ok(error instanceof Error && "code" in error && error.code === "EPIPE", String(error));
});

test("the peer's process is known", async () => {
  const [left, right] = await pair();
  const self = { pid: process.pid, uid: process.getuid?.() ?? -1, gid: process.getgid?.() ?? -1 };
  assert.deepEqual(left.socket.credentials, self);
  assert.deepEqual(right.socket.credentials, self);
  await finish(left, right);
});

test("a path that does not exist is refused by name", async () => {
  const [left, right] = await pair();
  await assert.rejects(left.socket.send("/nowhere/at/all"), { code: "NOT_FOUND", message: /\/nowhere\/at\/all/ });
  await finish(left, right);
});
