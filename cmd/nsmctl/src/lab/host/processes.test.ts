import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { isAlive, killAll, labProcesses, processId, signal } from "./processes.ts";

const sleeper = async (lab: string) => {
  const child = spawn("sleep", ["60"], { env: { NSMKIT_LAB: lab }, stdio: "ignore" });
  await once(child, "spawn");
  return child;
};

test("a lab's processes are those with its mark, and no others", async () => {
  const [lab, other] = [`/test/a-${process.pid}`, `/test/a-${process.pid}-2`];
  const children = [await sleeper(lab), await sleeper(other)];
  try {
    assert.deepEqual(
      labProcesses(lab).map(({ pid }) => pid),
      [children[0]?.pid],
    );
  } finally {
    for (const child of children) child.kill("SIGKILL");
  }
});

test("killAll ends all of them and counts them", async () => {
  const lab = `/test/b-${process.pid}`;
  const children = [await sleeper(lab), await sleeper(lab)];
  const exits = children.map((child) => once(child, "exit"));
  assert.equal(await killAll(() => labProcesses(lab)), 2);
  await Promise.all(exits);
});

test("killAll says what does not end", async () => {
  const immortal = { pid: 2 ** 30, startTime: "1", command: "never-dies" };
  await assert.rejects(
    killAll(() => [immortal], { timeoutMs: 20 }),
    /1073741824 \(never-dies\)/,
  );
});

test("a process is told from a later one with the same pid", () => {
  const own = processId(process.pid);
  assert.ok(own && isAlive(own));
  assert.equal(isAlive({ ...own, startTime: "1" }), false);
  assert.equal(signal({ ...own, startTime: "1" }, "SIGKILL"), false);
});
