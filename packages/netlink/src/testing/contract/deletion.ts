import assert from "node:assert/strict";
import { linkAdd, linkDelete } from "../../ops.ts";
import { firstFailure } from "../../results.ts";
import { type ContractCase, connect, rejectsWith } from "./case.ts";

export const deletionContract: readonly ContractCase[] = [
  {
    title: "deleting one end of a veth deletes the other",
    async run(world) {
      await connect(world);
      await world.inA.linkDelete("va");
      await rejectsWith(world.inB.linkGet("vb"), "NOT_FOUND");
    },
  },
  {
    title: "deleting many links deletes those that exist and names those that do not",
    async run({ inA, b }) {
      const names = Array.from({ length: 40 }, (_, index) => `v${index}`);
      const made = await inA.batch(
        names.map((name) => linkAdd({ kind: "veth", name, peer: { name, netns: b } })),
        { onError: "continue" },
      );
      assert.equal(firstFailure(made), undefined);
      const [result] = await inA.batch([linkDelete(["gone", ...names, "away"])]);
      assert.ok(!result.ok);
      assert.equal(result.error.code, "NOT_FOUND");
      assert.deepEqual(result.error.details.missing, ["gone", "away"]);
      assert.deepEqual(
        (await inA.linkList()).map((link) => link.name),
        ["lo"],
      );
    },
  },
  {
    title: "a link that cannot be deleted does not keep the others, and is told of",
    async run({ inA }) {
      await inA.linkAdd({ kind: "veth", name: "va", group: 9, peer: { name: "vb" } });
      const [result] = await inA.batch([linkDelete(["lo", "va"])]);
      assert.ok(!result.ok);
      assert.equal(result.error.code, "UNSUPPORTED");
      const [left, ...more] = await inA.linkList();
      assert.equal(more.length, 0);
      assert.deepEqual([left?.name, left?.group], ["lo", 0]);
    },
  },
  {
    title: "both ends of one pair may be deleted together",
    async run({ inA }) {
      await inA.linkAdd({ kind: "veth", name: "va", peer: { name: "vb" } });
      await inA.linkDelete(["va", "vb"]);
      assert.equal((await inA.linkList()).length, 1);
    },
  },
];
