import assert from "node:assert/strict";
import { test } from "node:test";
import type { Txn } from "../api.ts";
import { isGuarded } from "./guarded.ts";

const put = { put: "a", value: "1" };

test("a transaction that asks for what it changes may be sent twice, any other may not", () => {
  const guarded: Txn[] = [
    { compare: [{ key: "a", version: 0n }], success: [put] },
    { compare: [{ key: "a", modRevision: 5n }], success: [put, { delete: "b" }], failure: [{ range: "a" }] },
    { compare: [{ key: Buffer.from("a"), createRevision: 0n }], success: [put] },
    {
      compare: [
        { key: "b", value: "x" },
        { key: "a", version: 3n },
      ],
      success: [put],
    },
  ];
  const others: Txn[] = [
    { success: [put] },
    { compare: [{ key: "b", version: 0n }], success: [put] },
    { compare: [{ key: "a", value: "0" }], success: [put] },
    { compare: [{ key: "a", version: 0n, is: "!=" }], success: [put] },
    { compare: [{ key: "a", createRevision: 7n }], success: [put] },
    { compare: [{ key: "a", version: 1n }], success: [{ delete: "a" }] },
    { compare: [{ key: "a", version: 0n }], success: [put], failure: [put] },
  ];
  for (const txn of guarded) assert.equal(isGuarded(txn), true);
  for (const txn of others) assert.equal(isGuarded(txn), false);
});
