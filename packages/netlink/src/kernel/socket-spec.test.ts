import assert from "node:assert/strict";
import { test } from "node:test";
import { monitorSpec } from "./monitor.ts";
import { socketSpec } from "./socket-spec.ts";

const invalid = { code: "INVALID_ARGUMENT" };

test("addresses, ports and names of sockets are checked", () => {
  assert.throws(() => socketSpec({ kind: "tcp-connect", address: "localhost", port: 80 }), invalid);
  assert.throws(() => socketSpec({ kind: "tcp-connect", address: "10.0.0.1", port: 0 }), invalid);
  assert.throws(() => socketSpec({ kind: "tcp-connect", address: "10.0.0.1", port: 1, source: "fd00::1" }), invalid);
  assert.throws(() => socketSpec({ kind: "tcp-listen", port: 65536 }), invalid);
  assert.throws(() => socketSpec({ kind: "tcp-listen", port: 1, backlog: 0 }), invalid);
  assert.throws(() => socketSpec({ kind: "udp", address: "10.0.0.1", connect: { address: "::1", port: 1 } }), invalid);
  assert.throws(() => socketSpec({ kind: "unix-listen", abstract: "" }), invalid);
});

test("a UDP socket takes the family of its peer", () => {
  assert.equal(socketSpec({ kind: "udp", connect: { address: "10.0.0.1", port: 53 } }).family, 2);
  assert.equal(socketSpec({ kind: "udp", connect: { address: "::1", port: 53 } }).family, 10);
});

test("a monitor of nothing, or of something unknown, is refused", () => {
  assert.throws(() => monitorSpec({ groups: [] }), invalid);
  assert.throws(() => monitorSpec({ groups: ["qdisc" as "link"] }), invalid);
});
