import assert from "node:assert/strict";
import { test } from "node:test";
import { LastWords } from "./last-words.ts";

const after = (...chunks: string[]): string => {
  const words = new LastWords();
  for (const chunk of chunks) words.add(Buffer.from(chunk));
  return words.line;
};

test("the last line that is not empty counts, however it came", () => {
  assert.equal(after("one\ntw", "o\n\n"), "two");
  assert.equal(after(), "");
});

test("of a JSON log message and reason are told", () => {
  assert.equal(after('{"level":50,"msg":"failed","reason":"port 80 is taken"}\n'), "failed: port 80 is taken");
  assert.equal(after('{"level":50,"msg":"failed"}\n'), "failed");
  assert.equal(after("{not json\n"), "{not json");
});

test("however much a program writes, only the end is kept", () => {
  assert.equal(after("x".repeat(100_000), "\nend\n"), "end");
});
