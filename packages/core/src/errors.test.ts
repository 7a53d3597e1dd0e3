import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { CodedError, ErrorCode, isCodedError, messageOf } from "./errors.ts";

test("docs/errors.md describes every code and no other", async () => {
  const page = await readFile(new URL("../../../docs/errors.md", import.meta.url), "utf8");
  const described = [...page.matchAll(/^## `([A-Z_]+)`$/gm)].map((match) => match[1]);
  assert.deepEqual(described.sort(), Object.keys(ErrorCode).sort());
});

test("an error of another copy of the package is recognised by its code", () => {
  const foreign = Object.assign(new Error("x"), { code: "NOT_FOUND" });
  assert.ok(isCodedError(foreign, "NOT_FOUND"));
  assert.ok(!isCodedError(Object.assign(new Error("x"), { code: "ENOENT" })));
});

test("retryable follows the code unless said otherwise", () => {
  assert.equal(new CodedError("UNAVAILABLE", "x").retryable, true);
  assert.equal(new CodedError("NOT_FOUND", "x").retryable, false);
  assert.equal(new CodedError("NOT_FOUND", "x", { retryable: true }).retryable, true);
});

test("the message of a chain names each cause once", () => {
  const cause = new Error("connection refused");
  assert.equal(messageOf(new Error("dialling nsmgr", { cause })), "dialling nsmgr: connection refused");
  assert.equal(messageOf(new Error("dialling: connection refused", { cause })), "dialling: connection refused");
});
