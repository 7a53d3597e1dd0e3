import assert from "node:assert/strict";
import { test } from "node:test";
import { Mark } from "./mark.ts";

test("an alias gives back the parts it was made of, whatever they contain", () => {
  const mark = new Mark("nat");
  for (const parts of [["tap0"], ["a", "b"], ["a/b", "c%2Fd"], ["%", "/"]])
    assert.deepEqual(mark.parse(mark.alias(...parts)), parts);
});

test("the alias is the one that Ligato writes", () => {
  assert.equal(new Mark("vpp1").alias("veth1", "veth2"), "/vnf-agent/vpp1/veth1/veth2");
});

test("marks of other agents, even with a label that begins alike, are not ours", () => {
  const mark = new Mark("nat");
  for (const alias of [undefined, "", "/vnf-agent/nat2/x", "/vnf-agent/na/x", "nat/x"]) {
    assert.equal(mark.owns(alias), false, String(alias));
    assert.equal(mark.parse(alias), undefined, String(alias));
  }
});
