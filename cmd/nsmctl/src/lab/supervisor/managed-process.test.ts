import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { FakeClock } from "@nsmkit/core/testing";
import type { RestartPolicy } from "../spec/spec.ts";
import { LogFile } from "./log-file.ts";
import { ManagedProcess, type ProcessState } from "./managed-process.ts";

const directory = mkdtempSync(join(tmpdir(), "nsmctl-process-"));
after(() => rmSync(directory, { recursive: true }));

function managed(script: string, restart: RestartPolicy, clock = new FakeClock()) {
  const states: ProcessState[] = [];
  const waiters: (() => void)[] = [];
  const log = new LogFile(join(directory, `${Math.random()}.log`));
  const process = new ManagedProcess({
    name: "p",
    start: () => spawn("sh", ["-c", script], { detached: true, stdio: ["ignore", "pipe", "pipe"] }),
    restart,
    log,
    clock,
    onChange: (changed) => {
      states.push(changed.state);
      for (const wake of waiters.splice(0)) wake();
    },
  });
  let looked = 0;
  /** The next state of this kind after the last one asked for: a state may be over before a test looks. */
  const until = async (wanted: ProcessState["state"]): Promise<ProcessState> => {
    for (;;) {
      for (let state = states[looked]; state; state = states[looked]) {
        looked++;
        if (state.state === wanted) return state;
      }
      await new Promise<void>((resolve) => waiters.push(resolve));
    }
  };
  return { process, states, until, clock, log };
}

test("a program that ends is started again after a wait that doubles", async () => {
  const { process, until, clock } = managed("exit 3", "Always");
  process.start();
  const first = await until("back-off");
  assert.deepEqual(first, { state: "back-off", reason: "exit code 3", delayMs: 200 });
  await clock.advance(200);
  await until("running");
  const second = await until("back-off");
  assert.equal(second.state === "back-off" && second.delayMs, 400);
  assert.equal(process.restarts, 1);
  await process.stop(0);
});

test("a program that ran for long starts with a short wait again", async () => {
  const { process, until, clock } = managed("sleep 60", "Always");
  process.start();
  await until("running");
  await clock.advance(60_000);
  const { state } = process;
  if (state.state === "running") globalThis.process.kill(-state.pid, "SIGKILL");
  const ended = await until("back-off");
  assert.equal(ended.state === "back-off" && ended.delayMs, 200);
  await process.stop(0);
});

test("OnFailure lets a success be, Never lets everything be", async () => {
  const good = managed("exit 0", "OnFailure");
  good.process.start();
  assert.deepEqual(await good.until("completed"), { state: "completed", reason: "exit code 0", exitCode: 0 });
  assert.equal(await good.process.completed, true);
  const bad = managed("exit 1", "Never");
  bad.process.start();
  await bad.until("failed");
  assert.equal(await bad.process.completed, false);
});

test("stopping ends what the program started too, and starts nothing again", async () => {
  const { process, until, log } = managed("sleep 60 & echo $!; trap '' TERM; wait; sleep 60", "Always", undefined);
  process.start();
  await until("running");
  while (!/\d+\n/.test(readLog(log.path))) await new Promise((resolve) => setTimeout(resolve, 5));
  const grandchild = Number(/\d+/.exec(readLog(log.path))?.[0]);
  await process.stop(0);
  for (let i = 0; i < 100 && exists(grandchild); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(exists(grandchild), false);
  assert.notEqual(process.state.state, "running");
});

test("a command that does not exist is told as such, in the log too", async () => {
  const { process, until, log } = managed("no-such-command-here", "Never");
  process.start();
  const state = await until("failed");
  assert.equal(state.state === "failed" && state.reason, "exit code 127: command not found");
  log.close();
  assert.match(readLog(log.path), /not found/);
});

function readLog(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function exists(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
