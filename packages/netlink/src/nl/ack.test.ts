import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeAck, decodeDone } from "./ack.ts";
import { messagesOf, viewOf } from "./message.ts";
import { MessageWriter } from "./writer.ts";

const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const capped = 0x100;
const withAttributes = 0x200;

function answer(type: number, flags: number, write: (writer: MessageWriter) => void) {
  const writer = new MessageWriter();
  writer.begin(type, flags);
  write(writer);
  writer.end();
  const view = viewOf(writer.bytes());
  const [message] = [...messagesOf(view)];
  assert.ok(message);
  return { view, message };
}

const requestHeader = (writer: MessageWriter, length: number) => writer.u32(length).u32(0).u32(1).u32(0);

test("errno 0 is success", () => {
  const { view, message } = answer(NLMSG_ERROR, capped, (writer) => requestHeader(writer.u32(0), 40));
  assert.deepEqual(decodeAck(view, message), { errno: 0 });
});

test("the kernel's own words follow a capped echo", () => {
  const { view, message } = answer(NLMSG_ERROR, capped | withAttributes, (writer) =>
    requestHeader(writer.u32(-95 >>> 0), 40)
      .attrText(1, "Unknown device type")
      .attrU32(2, 52),
  );
  assert.deepEqual(decodeAck(view, message), { errno: 95, message: "Unknown device type", offset: 52 });
});

test("the kernel's own words follow a full echo of the request", () => {
  const { view, message } = answer(NLMSG_ERROR, withAttributes, (writer) =>
    requestHeader(writer.u32(-22 >>> 0), 24)
      .u32(1)
      .u32(2)
      .attrU32(5, 3),
  );
  assert.deepEqual(decodeAck(view, message), { errno: 22, missingAttribute: 3 });
});

test("the end of a dump can carry an error", () => {
  const { view, message } = answer(NLMSG_DONE, withAttributes, (writer) =>
    writer.u32(-2 >>> 0).attrText(1, "FIB table does not exist"),
  );
  assert.deepEqual(decodeDone(view, message), { errno: 2, message: "FIB table does not exist" });
});
