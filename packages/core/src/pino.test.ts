import assert from "node:assert/strict";
import { test } from "node:test";
import { createJsonLogger } from "./pino.ts";

function recorded(level?: "WARN") {
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  return { lines, logger: createJsonLogger({ name: "test", destination, ...(level && { level }) }) };
}

test("a line carries the program's name, the fields of its child logger, and the causes of an error", () => {
  const { lines, logger } = recorded();
  const error = new Error("outer", { cause: new Error("inner") });
  logger.child({ component: "c" }).error("failed", { error });
  assert.equal(lines.length, 1);
  const { name, component, msg, error: written } = lines[0] as Record<string, { cause: { message: string } }>;
  assert.deepEqual({ name, component, msg }, { name: "test", component: "c", msg: "failed" });
  assert.equal(written?.cause.message, "inner");
});

test("changing the level also changes children that exist already", () => {
  const { lines, logger } = recorded("WARN");
  const child = logger.child({});
  child.info("unseen");
  logger.setLevel("TRACE");
  child.debug("seen");
  logger.setLevel("ERROR");
  child.warn("unseen");
  assert.deepEqual(
    lines.map((line) => line.msg),
    ["seen"],
  );
});
