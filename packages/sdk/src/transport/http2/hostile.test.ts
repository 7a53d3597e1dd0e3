import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MemoryPipe } from "../../testing/pipe.ts";
import { Http2Client } from "./client.ts";
import { ErrorCode, FrameType, preface } from "./frame.ts";
import { HpackEncoder } from "./hpack/encoder.ts";
import { Http2Server } from "./server.ts";
import type { StreamEvents, WireStream } from "./wire.ts";

const ignore: StreamEvents = { onHeaders() {}, onData() {}, onEnd() {}, onDrain() {}, onClose() {} };
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
async function turns(count = 10): Promise<void> {
  for (let n = 0; n < count; n++) await turn();
}

function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array = Buffer.alloc(0),
  length = payload.length,
): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, payload]);
}
const number = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const settings = frame(FrameType.SETTINGS, 0, 0);
const block = (): Buffer =>
  Buffer.from(new HpackEncoder().encode([":method", "POST", ":scheme", "http", ":path", "/a", ":authority", "x"]));
const headers = (streamId: number, flags = 4): Buffer => frame(FrameType.HEADERS, flags, streamId, block());

interface Victim {
  peer: MemoryPipe;
  closed: boolean;
  streams: WireStream[];
  /** Error code of the GOAWAY that it sent last. */
  goaway(): number | undefined;
  /** Begins a call, if it is a client. */
  open?(): void;
  close(): void;
}

function lastGoaway(pipe: MemoryPipe): number | undefined {
  const bytes = Buffer.concat(pipe.written);
  let code: number | undefined;
  let at = bytes.indexOf("PRI ") === 0 ? preface.length : 0;
  for (; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
    if (bytes[at + 3] === FrameType.GOAWAY) code = bytes.readUInt32BE(at + 13);
  }
  return code;
}

function serverVictim(maxConcurrentStreams = 100): Victim {
  const [peer, pipe] = MemoryPipe.pair();
  const victim: Victim = {
    peer,
    closed: false,
    streams: [],
    goaway: () => lastGoaway(pipe),
    close: () => server.destroy(),
  };
  const server = new Http2Server(
    pipe,
    {
      onStream: (_headers, _end, accept) => victim.streams.push(accept(ignore)),
      onClose: () => {
        victim.closed = true;
      },
    },
    { maxConcurrentStreams, handshakeTimeoutMs: 10_000, running: () => 0 },
  );
  server.start();
  peer.start({ onBytes() {}, onEnd() {}, onDrain() {}, onClose() {} });
  return victim;
}

function clientVictim(): Victim & { client: Http2Client } {
  const [peer, pipe] = MemoryPipe.pair();
  const client = new Http2Client(pipe, {
    onReady() {},
    onDraining() {},
    onClose: () => {
      victim.closed = true;
    },
  });
  const victim = {
    peer,
    closed: false,
    streams: [],
    goaway: () => lastGoaway(pipe),
    close: () => client.destroy(),
    open: () => void client.open([":path", "/x"], false, ignore),
    client,
  };
  client.start();
  peer.start({ onBytes() {}, onEnd() {}, onDrain() {}, onClose() {} });
  return victim;
}

/** What a client may not send, after preface and SETTINGS, and the code that it is told. */
const offences: [string, Buffer[], keyof typeof ErrorCode][] = [
  ["a frame above 16,384 bytes", [frame(FrameType.DATA, 0, 1, Buffer.alloc(0), 16_385)], "FRAME_SIZE_ERROR"],
  ["DATA on stream 0", [frame(FrameType.DATA, 0, 0, Buffer.alloc(1))], "PROTOCOL_ERROR"],
  ["DATA on a stream that was never opened", [frame(FrameType.DATA, 0, 5, Buffer.alloc(1))], "PROTOCOL_ERROR"],
  ["HEADERS on stream 0", [headers(0)], "PROTOCOL_ERROR"],
  ["HEADERS on a stream of the server", [headers(2)], "PROTOCOL_ERROR"],
  ["a block that does not decode", [frame(FrameType.HEADERS, 4, 1, Buffer.from([0xff, 0xff]))], "COMPRESSION_ERROR"],
  [
    "another frame inside a header block",
    [headers(1, 0), frame(FrameType.PING, 0, 0, Buffer.alloc(8))],
    "PROTOCOL_ERROR",
  ],
  ["CONTINUATION of another stream", [headers(1, 0), frame(FrameType.CONTINUATION, 4, 3)], "PROTOCOL_ERROR"],
  ["CONTINUATION out of nothing", [frame(FrameType.CONTINUATION, 4, 1)], "PROTOCOL_ERROR"],
  [
    "a header block without end",
    [headers(1, 0), ...Array.from({ length: 6 }, () => frame(FrameType.CONTINUATION, 0, 1, Buffer.alloc(16_000)))],
    "ENHANCE_YOUR_CALM",
  ],
  ["padding longer than its frame", [headers(1), frame(FrameType.DATA, 8, 1, Buffer.from([5, 1]))], "PROTOCOL_ERROR"],
  ["PUSH_PROMISE", [frame(FrameType.PUSH_PROMISE, 4, 1, Buffer.alloc(8))], "PROTOCOL_ERROR"],
  ["SETTINGS of five bytes", [frame(FrameType.SETTINGS, 0, 0, Buffer.alloc(5))], "FRAME_SIZE_ERROR"],
  ["PING of seven bytes", [frame(FrameType.PING, 0, 0, Buffer.alloc(7))], "FRAME_SIZE_ERROR"],
  ["RST_STREAM of a stream that was never opened", [frame(FrameType.RST_STREAM, 0, 9, number(8))], "PROTOCOL_ERROR"],
  ["a window that grows by nothing", [frame(FrameType.WINDOW_UPDATE, 0, 0, number(0))], "PROTOCOL_ERROR"],
  ["a window beyond its limit", [frame(FrameType.WINDOW_UPDATE, 0, 0, number(2 ** 31 - 1))], "FLOW_CONTROL_ERROR"],
  [
    "an initial window beyond its limit",
    [frame(FrameType.SETTINGS, 0, 0, Buffer.concat([Buffer.from([0, 4]), number(2 ** 31)]))],
    "FLOW_CONTROL_ERROR",
  ],
  [
    "frames that do nothing, without end",
    [headers(1), Buffer.concat(Array.from({ length: 33_000 }, () => frame(FrameType.DATA, 0, 1)))],
    "ENHANCE_YOUR_CALM",
  ],
];

for (const [what, bytes, code] of offences) {
  test(`${what} ends the connection with ${code}`, async () => {
    const victim = serverVictim();
    victim.peer.write(Buffer.concat([preface, settings, ...bytes]));
    await turns();
    assert.equal(victim.goaway(), ErrorCode[code]);
    assert.equal(victim.closed, true);
  });
}

test("a client that does not speak HTTP/2 is told and closed at its first wrong byte", async () => {
  for (const first of ["GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01", "PRI * HTTP/1"]) {
    const victim = serverVictim();
    victim.peer.write(Buffer.from(first, "latin1"));
    await turns();
    assert.equal(victim.closed, true, first);
  }
});

test("a first frame other than SETTINGS ends the connection", async () => {
  const victim = serverVictim();
  victim.peer.write(Buffer.concat([preface, headers(1)]));
  await turns();
  assert.equal(victim.goaway(), ErrorCode.PROTOCOL_ERROR);
});

test("a stream that overruns its window is reset, the connection lives", async () => {
  const victim = serverVictim();
  victim.peer.write(Buffer.concat([preface, settings, headers(1)]));
  await turns();
  victim.streams[0]?.pause();
  const data = Array.from({ length: 5 }, () => frame(FrameType.DATA, 0, 1, Buffer.alloc(16_000)));
  victim.peer.write(Buffer.concat([...data, headers(3)]));
  await turns();
  assert.equal(victim.closed, false);
  assert.equal(victim.streams.length, 2);
  victim.close();
});

test("a peer that pings and never reads is cut off before its answers fill the memory", async () => {
  const victim = serverVictim();
  const pings = Buffer.concat(Array.from({ length: 1000 }, () => frame(FrameType.PING, 0, 0, Buffer.alloc(8))));
  victim.peer.write(Buffer.concat([preface, settings]));
  await turns();
  const pipe = victim.peer.other as MemoryPipe;
  victim.peer.pause();
  pipe.highWaterBytes = 1000;
  for (let n = 0; n < 100 && !victim.closed; n++) {
    victim.peer.write(pings);
    await turns(3);
  }
  assert.equal(victim.closed, true);
  assert.ok(pipe.written.reduce((sum, { length }) => sum + length, 0) < 2_000_000);
});

test("a client is not impressed by a server that opens streams or pushes", async () => {
  for (const bytes of [headers(2), frame(FrameType.PUSH_PROMISE, 4, 1, Buffer.alloc(8))]) {
    const victim = clientVictim();
    victim.peer.write(Buffer.concat([settings, bytes]));
    await turns();
    assert.ok(victim.closed || victim.client.openStreams === 0);
    victim.close();
  }
});

/** Frames that are nearly right, so that the fuzz gets past the first checks. */
const nearlyFrames = fc.array(
  fc.oneof(
    fc
      .record({
        type: fc.integer({ min: 0, max: 11 }),
        flags: fc.constantFrom(0, 1, 4, 5, 8, 12, 13, 32, 37, 255),
        streamId: fc.constantFrom(0, 1, 2, 3, 5, 7, 2 ** 31 - 1),
        payload: fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.constant(new Uint8Array(block()))),
      })
      .map(({ type, flags, streamId, payload }) => frame(type, flags, streamId, payload)),
    fc.constantFrom(headers(1), headers(3), headers(5, 5), settings, frame(FrameType.PING, 0, 0, Buffer.alloc(8))),
  ),
  { maxLength: 40 },
);

for (const [side, make, start] of [
  ["server", serverVictim, Buffer.concat([preface, settings])],
  ["client", clientVictim, settings],
] as const) {
  test(`no frames of any kind make a ${side} throw or work without end`, async () => {
    await fc.assert(
      fc.asyncProperty(nearlyFrames, fc.constantFrom(1, 5, 1000), async (frames, pieceBytes) => {
        const victim = make();
        (victim.peer.other as MemoryPipe).pieceBytes = pieceBytes;
        victim.open?.();
        victim.peer.write(Buffer.concat([start, ...frames]));
        await turns(4);
        victim.close();
        await turns(2);
        assert.equal(victim.closed, true);
        assert.notEqual(victim.goaway(), ErrorCode.INTERNAL_ERROR, "a rule of our own was broken");
      }),
      { numRuns: 400 },
    );
  });

  test(`no bytes at all make a ${side} throw`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        const victim = make();
        victim.peer.write(Buffer.concat([start, bytes]));
        await turns(3);
        victim.close();
        await turns(2);
        assert.equal(victim.closed, true);
        assert.notEqual(victim.goaway(), ErrorCode.INTERNAL_ERROR, "a rule of our own was broken");
      }),
      { numRuns: 400 },
    );
  });
}
