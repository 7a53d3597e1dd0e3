import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { markedId, markOf, parseMark } from "./mark.ts";

test("a mark gives back owner, connection and side", () => {
  assert.deepEqual(parseMark(markOf("4026531840", "nsc-1", "client")), {
    owner: "4026531840",
    id: "nsc-1",
    side: "client",
  });
});

test("whatever id a peer chooses, the mark fits the alias and is read back as that connection's", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 400 }), fc.string({ maxLength: 400 }), (owner, id) => {
      fc.pre(id !== "" && owner !== "");
      const mark = markOf(owner, id, "server");
      assert.ok(Buffer.byteLength(mark) <= 255, mark);
      assert.deepEqual(parseMark(mark), { owner: markedId(owner), id: markedId(id), side: "server" });
    }),
  );
});

test("two ids never get one mark, also when one is written like the hash of the other", () => {
  const long = "x".repeat(200);
  assert.notEqual(markedId(long), markedId(`${long}y`));
  assert.notEqual(markedId(markedId(long)), markedId(long));
});

test("an alias that is not exactly a mark is nobody's", () => {
  for (const alias of [
    undefined,
    "",
    "uplink to rack 4",
    "nsmkit",
    "nsmkit/1/c1",
    "nsmkit/1/c1/",
    "nsmkit/1/c1/middle",
    "nsmkit//c1/client",
    "nsmkit/1//client",
    "nsmkit/1/c1/client/more",
    "xnsmkit/1/c1/client",
  ])
    assert.equal(parseMark(alias), undefined, String(alias));
});
