import assert from "node:assert/strict";
import { test } from "node:test";
import { isCodedError } from "@nsmkit/core";
import fc from "fast-check";
import { decodeAck, decodeDone } from "./ack.ts";
import { decodeAddr, encodeAddr } from "./addr.ts";
import { forEachAttribute } from "./attributes.ts";
import { decodeLink } from "./link/decode.ts";
import { encodeLinkAdd } from "./link/encode.ts";
import { messagesOf, viewOf } from "./message.ts";
import { decodeNeigh, encodeNeigh } from "./neigh.ts";
import { decodeNsid, encodeNsidSet } from "./nsid.ts";
import { decodeRoute } from "./route/decode.ts";
import { encodeRoute } from "./route/encode.ts";
import { decodeRule, encodeRule } from "./rule.ts";
import { MessageWriter } from "./writer.ts";

type Decode = (view: DataView, from: number, to: number) => unknown;

const decoders: Record<string, Decode> = {
  link: decodeLink,
  addr: decodeAddr,
  route: decodeRoute,
  rule: decodeRule,
  neigh: decodeNeigh,
  nsid: decodeNsid,
  ack: (view, start, end) => decodeAck(view, { type: 2, flags: 0x200, sequence: 1, port: 0, start, end }),
  cappedAck: (view, start, end) => decodeAck(view, { type: 2, flags: 0x300, sequence: 1, port: 0, start, end }),
  done: (view, start, end) => decodeDone(view, { type: 3, flags: 0x200, sequence: 1, port: 0, start, end }),
};

/** A valid message of each kind, to be damaged. */
const samples: Record<string, (writer: MessageWriter) => void> = {
  link: (writer) =>
    encodeLinkAdd(writer, {
      kind: "vxlan",
      name: "vx0",
      id: 7,
      local: "10.0.0.1",
      remote: "10.0.0.2",
      link: 3,
      mac: "02:00:00:00:00:01",
    }),
  addr: (writer) => encodeAddr(writer, "add", { link: 3, address: "fd00::1/64", validSeconds: 60, nodad: true }),
  route: (writer) =>
    encodeRoute(writer, "add", {
      destination: "10.0.0.0/8",
      mtu: 1400,
      multipath: [
        { gateway: "10.0.0.1", link: 3 },
        { gateway: "fe80::1", link: 4 },
      ],
    }),
  rule: (writer) =>
    encodeRule(writer, "add", { table: 300, from: "10.0.0.0/8", sourcePorts: { from: 1, to: 2 }, iif: "eth0" }),
  neigh: (writer) => encodeNeigh(writer, "add", { link: 3, address: "10.0.0.1", mac: "02:00:00:00:00:01" }),
  nsid: (writer) => encodeNsidSet(writer, 5, 7),
};

/** Runs it in the middle of a larger buffer of 0xee: reading beyond the end would show in the result. */
function onlyProtocolErrors(decode: Decode, bytes: Uint8Array): void {
  const surrounded = new Uint8Array(bytes.length + 64).fill(0xee);
  surrounded.set(bytes, 32);
  const view = viewOf(surrounded.subarray(32, 32 + bytes.length));
  try {
    decode(view, 0, bytes.length);
  } catch (error) {
    assert.ok(isCodedError(error, "PROTOCOL"), String(error));
  }
}

for (const [name, decode] of Object.entries(decoders)) {
  test(`any bytes as ${name} give an object or PROTOCOL, and are never read beyond their end`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => onlyProtocolErrors(decode, bytes)),
      { numRuns: 500 },
    );
  });
}

for (const [name, encode] of Object.entries(samples)) {
  test(`a damaged ${name} message gives an object or PROTOCOL`, () => {
    const writer = new MessageWriter();
    encode(writer);
    const valid = writer.bytes().slice(16);
    const damage = fc.array(fc.tuple(fc.nat(valid.length - 1), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(damage, fc.nat(valid.length), (changes, cut) => {
        const bytes = valid.slice(0, valid.length - (cut % 8));
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        onlyProtocolErrors(decoders[name] as Decode, bytes);
      }),
      { numRuns: 500 },
    );
  });
}

test("framing of any bytes ends and stays inside the buffer", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      try {
        for (const message of messagesOf(viewOf(bytes)))
          assert.ok(message.start <= message.end && message.end <= bytes.length);
      } catch (error) {
        assert.ok(isCodedError(error, "PROTOCOL"), String(error));
      }
    }),
  );
});

test("attributes visited lie inside the bounds given", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      try {
        forEachAttribute(viewOf(bytes), 0, bytes.length, (_, start, end) =>
          assert.ok(start <= end && end <= bytes.length),
        );
      } catch (error) {
        assert.ok(isCodedError(error, "PROTOCOL"), String(error));
      }
    }),
  );
});
