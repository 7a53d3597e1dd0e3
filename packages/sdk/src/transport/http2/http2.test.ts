import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MemoryPipe } from "../../testing/pipe.ts";
import { ConnectionUsedUp, Http2Client } from "./client.ts";
import { defaultWindowBytes, ErrorCode } from "./frame.ts";
import { Http2Server } from "./server.ts";
import type { HeaderList, StreamEvents, WireStream } from "./wire.ts";

/** Keeps what a stream tells, in order. */
class Recorder implements StreamEvents {
  readonly told: string[] = [];
  readonly chunks: Uint8Array[] = [];
  stream: WireStream | undefined;
  headers: HeaderList[] = [];
  onHeaders(headers: HeaderList, end: boolean): void {
    this.headers.push(headers);
    this.told.push(end ? "headers end" : "headers");
  }
  onData(chunk: Uint8Array): void {
    this.chunks.push(chunk);
    if (this.told.at(-1) !== "data") this.told.push("data");
  }
  onEnd(): void {
    this.told.push("end");
  }
  onDrain(): void {
    this.told.push("drain");
  }
  onClose(reset: number | undefined): void {
    this.told.push(`close ${reset}`);
  }
  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
async function turns(count = 20): Promise<void> {
  for (let n = 0; n < count; n++) await turn();
}

interface Pair {
  client: Http2Client;
  clientPipe: MemoryPipe;
  serverPipe: MemoryPipe;
  server: Http2Server;
  /** The server's streams as they come. */
  accepted: Recorder[];
  events: string[];
}

async function pair(
  options: { maxConcurrentStreams?: number; pieceBytes?: number; running?: () => number; settle?: boolean } = {},
): Promise<Pair> {
  const [clientPipe, serverPipe] = MemoryPipe.pair();
  if (options.pieceBytes) clientPipe.pieceBytes = serverPipe.pieceBytes = options.pieceBytes;
  const accepted: Recorder[] = [];
  const events: string[] = [];
  const server = new Http2Server(
    serverPipe,
    {
      onStream(headers, _end, accept) {
        const recorder = new Recorder();
        recorder.headers.push(headers);
        accepted.push(recorder);
        recorder.stream = accept(recorder);
      },
      onClose: () => events.push("server closed"),
    },
    {
      maxConcurrentStreams: options.maxConcurrentStreams ?? 100,
      handshakeTimeoutMs: 10_000,
      running: options.running ?? (() => 0),
    },
  );
  const client = new Http2Client(clientPipe, {
    onReady: () => events.push("ready"),
    onDraining: () => events.push("draining"),
    onClose: () => events.push("client closed"),
  });
  server.start();
  client.start();
  if (options.settle !== false) await turns();
  return { client, clientPipe, serverPipe, server, accepted, events };
}

const ask: HeaderList = [":method", "POST", ":scheme", "http", ":path", "/a", ":authority", "x"];
const answer: HeaderList = [":status", "200"];
const trailers: HeaderList = ["grpc-status", "0"];

function open(client: Http2Client, end = false): Recorder {
  const recorder = new Recorder();
  recorder.stream = client.open(ask, end, recorder);
  return recorder;
}

for (const pieceBytes of [undefined, 1, 7]) {
  test(`a call goes there and back${pieceBytes ? ` in pieces of ${pieceBytes} bytes` : ""}`, async () => {
    const { client, accepted, events } = await pair(pieceBytes ? { pieceBytes } : {});
    const call = open(client);
    call.stream?.sendData(Buffer.from("question"), true);
    await turns();
    const [served] = accepted;
    assert.deepEqual(served?.headers[0], ask);
    assert.equal(served?.bytes.toString(), "question");
    served?.stream?.sendHeaders(answer, false);
    served?.stream?.sendData(Buffer.from("answer"), false);
    served?.stream?.sendHeaders(trailers, true);
    await turns();
    assert.deepEqual(call.told, ["headers", "data", "headers end", "close undefined"]);
    assert.deepEqual(served?.told, ["data", "end", "close undefined"]);
    assert.equal(call.bytes.toString(), "answer");
    assert.deepEqual(events, ["ready"]);
    assert.equal(client.openStreams, 0);
  });
}

test("any mix of calls with data of any size arrives whole in both directions", async () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 200_000 }), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(sizes, fc.integer({ min: 500, max: 70_000 }), async (all, highWaterBytes) => {
      const { client, clientPipe, serverPipe, accepted } = await pair();
      clientPipe.highWaterBytes = serverPipe.highWaterBytes = highWaterBytes;
      const sent = all.map((size, at) => Buffer.alloc(size, String(at)));
      const calls = sent.map((bytes) => {
        const call = open(client);
        call.stream?.sendData(bytes, true);
        return call;
      });
      const total = all.reduce((sum, size) => sum + size, 0);
      const whole = (): boolean => accepted.length === all.length && accepted.every(({ told }) => told.includes("end"));
      for (let n = 0; n < 400 && !whole(); n++) await turn();
      assert.equal(
        accepted.reduce((sum, { bytes }) => sum + bytes.length, 0),
        total,
      );
      for (const { stream, bytes } of accepted) {
        stream?.sendHeaders(answer, false);
        stream?.sendData(bytes, false);
        stream?.sendHeaders(trailers, true);
      }
      for (let n = 0; n < 400 && calls.some(({ told }) => !told.includes("headers end")); n++) await turn();
      for (const [at, call] of calls.entries()) assert.ok(call.bytes.equals(sent[at] as Buffer), `call ${at}`);
    }),
    { numRuns: 25 },
  );
});

test("a reader that pauses stops its sender at one window and no other stream", async () => {
  const { client, accepted } = await pair();
  const slow = open(client);
  const quick = open(client);
  await turns();
  accepted[0]?.stream?.pause();
  let more = true;
  let sent = 0;
  for (; more && sent < 100; sent++) more = slow.stream?.sendData(Buffer.alloc(10_000), false) ?? false;
  assert.ok(sent < 20, `${sent} chunks were taken`);
  quick.stream?.sendData(Buffer.alloc(200_000), true);
  await turns(50);
  assert.equal(accepted[0]?.bytes.length, defaultWindowBytes);
  assert.equal(accepted[1]?.bytes.length, 200_000);
  accepted[0]?.stream?.resume();
  await turns(50);
  assert.equal(accepted[0]?.bytes.length, sent * 10_000);
  assert.ok(slow.told.includes("drain"));
});

test("a stream that waits when it is reset lets its writer go", async () => {
  const { client, accepted } = await pair();
  const call = open(client);
  await turns();
  accepted[0]?.stream?.pause();
  while (call.stream?.sendData(Buffer.alloc(50_000), false)) await turn();
  accepted[0]?.stream?.reset(ErrorCode.CANCEL);
  await turns();
  assert.deepEqual(call.told, ["drain", "close 8"]);
});

test("a server that answers before the request is over ends the stream without an error", async () => {
  const { client, accepted } = await pair();
  const call = open(client);
  await turns();
  accepted[0]?.stream?.sendHeaders([...answer, ...trailers], true);
  await turns();
  assert.deepEqual(call.told, ["headers end", "close undefined"]);
  assert.equal(call.stream?.sendData(Buffer.from("late"), true), true);
});

test("a stream beyond the server's limit is not even sent, and one in the moment of learning it is refused", async () => {
  const { client } = await pair({ maxConcurrentStreams: 2 });
  const calls = [open(client), open(client)];
  assert.equal(client.full, true);
  assert.throws(() => open(client), ConnectionUsedUp);
  calls[0]?.stream?.reset(ErrorCode.CANCEL);
  await turns();
  assert.equal(client.full, false);
});

test("work that goes on after its stream was reset counts as a stream", async () => {
  let running = 0;
  const { client, accepted } = await pair({ maxConcurrentStreams: 3, running: () => running });
  for (let n = 0; n < 3; n++) {
    open(client).stream?.reset(ErrorCode.CANCEL);
    await turns();
    running++;
  }
  const fourth = open(client);
  await turns();
  assert.equal(accepted.length, 3);
  assert.deepEqual(fourth.told, [`close ${ErrorCode.REFUSED_STREAM}`]);
});

test("a draining server serves what was on its way, then closes", async () => {
  const { client, server, accepted, events } = await pair();
  const before = open(client);
  server.drain();
  const crossing = open(client);
  await turns();
  assert.ok(events.includes("draining"));
  assert.throws(() => open(client), ConnectionUsedUp);
  assert.equal(accepted.length, 2);
  for (const { stream } of accepted) stream?.sendHeaders([...answer, ...trailers], true);
  await turns();
  for (const call of [before, crossing]) assert.deepEqual(call.told, ["headers end", "close undefined"]);
  assert.deepEqual(events.slice(-2).sort(), ["client closed", "server closed"]);
});

test("a server that drains before it has read a client's first bytes still serves the calls among them", async () => {
  const { client, server, accepted } = await pair({ settle: false });
  server.drain();
  const call = open(client, true);
  await turns();
  assert.equal(accepted.length, 1);
  accepted[0]?.stream?.sendHeaders([...answer, ...trailers], true);
  await turns();
  assert.deepEqual(call.told, ["headers end", "close undefined"]);
});

test("a client that drains lets its calls end, then closes", async () => {
  const { client, accepted, events } = await pair();
  const call = open(client);
  client.drain();
  await turns();
  assert.ok(!events.includes("client closed"));
  accepted[0]?.stream?.sendHeaders([...answer, ...trailers], true);
  await turns();
  assert.deepEqual(call.told, ["headers end", "close undefined"]);
  assert.ok(events.includes("client closed") && events.includes("server closed"));
});

test("a connection that breaks ends every stream of both sides once", async () => {
  const { client, serverPipe, accepted, events } = await pair();
  const call = open(client);
  await turns();
  serverPipe.destroy();
  await turns();
  assert.deepEqual(call.told, ["close -1"]);
  assert.deepEqual(accepted[0]?.told, ["close -1"]);
  assert.deepEqual(events, ["ready", "server closed", "client closed"]);
});

test("headers longer than a frame arrive in one list", async () => {
  const { client, accepted } = await pair();
  const long = [...ask, "x-long", "y".repeat(40_000)];
  client.open(long, true, new Recorder());
  await turns();
  assert.deepEqual(accepted[0]?.headers[0], long);
  assert.deepEqual(accepted[0]?.told, ["end"]);
});

test("many answers of one turn leave in one write", async () => {
  const { client, serverPipe, accepted } = await pair();
  for (let n = 0; n < 50; n++) open(client, true);
  await turns();
  const before = serverPipe.written.length;
  for (const { stream } of accepted) stream?.sendHeaders([...answer, ...trailers], true);
  await turns();
  assert.equal(serverPipe.written.length, before + 1);
});
