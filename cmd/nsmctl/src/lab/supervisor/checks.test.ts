import assert from "node:assert/strict";
import { test } from "node:test";
import type { CheckSpec } from "../spec/spec.ts";
import { outputProblems } from "./checks.ts";

const check = (more: Partial<CheckSpec>): CheckSpec => ({
  name: "c",
  pod: "p",
  command: ["x"],
  exitCode: 0,
  stdout: {},
  stderr: {},
  timeoutMs: 1000,
  show: false,
  ...more,
});
const output = { exitCode: 0, stdout: "one\ntwo\n", stderr: "" };

test("without rules only the exit code counts", () => {
  assert.deepEqual(outputProblems(check({}), output), []);
  assert.deepEqual(outputProblems(check({}), { ...output, exitCode: 2 }), ["exit code is 2, expected 0"]);
  assert.deepEqual(outputProblems(check({ exitCode: 2 }), { ...output, exitCode: 2 }), []);
});

test("a command that did not end is told", () =>
  assert.deepEqual(outputProblems(check({}), { ...output, exitCode: null }), ["did not end within 1 s"]));

test("every rule about the output must hold, each broken one is told", () => {
  const stdout = { contains: ["one", "three"], excludes: ["two"], matches: ["^two$", "^three"], equals: "one" };
  assert.deepEqual(outputProblems(check({ stdout }), output), [
    'stdout does not contain "three"',
    'stdout contains "two"',
    "stdout does not match /^three/",
    'stdout is not "one"',
  ]);
});

test("equals does not mind the last newline", () =>
  assert.deepEqual(outputProblems(check({ stdout: { equals: "one\ntwo" } }), output), []));
