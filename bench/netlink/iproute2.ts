/** The rivals: iproute2's `ip`, as a batch and as one process per op. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import {
  type Arena,
  type Contender,
  destination,
  gateway,
  linkName,
  nearAddress,
  type Phase,
  range,
} from "./scenario.ts";

const run = promisify(execFile);

/** "iproute2-6.1.0", or undefined where there is none. */
export async function ipVersion(): Promise<string | undefined> {
  try {
    return /iproute2-[\w.-]+/.exec((await run("ip", ["-V"])).stdout)?.[0];
  } catch {
    return undefined;
  }
}

/** The commands of a phase, each as its words, and the namespace that they run in. */
function commands(phase: Phase, { nameA, nameB }: Arena, count: number): readonly [string, readonly string[][]][] {
  const each = (words: (index: number) => string): string[][] => range(count).map((index) => words(index).split(" "));
  switch (phase) {
    case "create":
      return [[nameA, each((i) => `link add ${linkName(i)} type veth peer name ${linkName(i)} netns ${nameB}`)]];
    case "address":
      return [[nameA, each((i) => `addr add ${nearAddress(i)} dev ${linkName(i)}`)]];
    case "up":
      return [[nameA, each((i) => `link set ${linkName(i)} up`)]];
    case "carrier":
      return [[nameB, each((i) => `link set ${linkName(i)} up`)]];
    case "route":
      return [[nameA, each((i) => `route add ${destination(i)} via ${gateway(i)} proto static`)]];
    case "delete":
      return [[nameA, each((i) => `link del ${linkName(i)}`)]];
  }
}

async function batch(name: string, lines: readonly string[][]): Promise<number> {
  const child = spawn("ip", ["-n", name, "-batch", "-"], { stdio: ["pipe", "ignore", "inherit"] });
  child.stdin.end(lines.map((words) => words.join(" ")).join("\n"));
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`ip -batch ended with ${code}`);
  return lines.length;
}

const contender = (phase: (phase: Phase, arena: Arena, count: number) => Promise<number>): Contender => ({
  create: (arena, count) => phase("create", arena, count),
  address: (arena, count) => phase("address", arena, count),
  up: (arena, count) => phase("up", arena, count),
  carrier: (arena, count) => phase("carrier", arena, count),
  route: (arena, count) => phase("route", arena, count),
  delete: (arena, count) => phase("delete", arena, count),
});

/** @param deletions links deleted one by one: at 20 ms each, all of them would take the benchmark's time */
export function ipBatchContender(deletions: number): Contender {
  return contender(async (phase, arena, count) => {
    let ops = 0;
    const wanted = phase === "delete" ? Math.min(count, deletions) : count;
    for (const [name, lines] of commands(phase, arena, wanted)) ops += await batch(name, lines);
    return ops;
  });
}

export function ipExecContender(): Contender {
  return contender(async (phase, arena, count) => {
    let ops = 0;
    for (const [name, lines] of commands(phase, arena, count)) {
      for (const words of lines) await run("ip", ["-n", name, ...words]);
      ops += lines.length;
    }
    return ops;
  });
}

export async function ipListLinks(name: string): Promise<readonly unknown[]> {
  const { stdout } = await run("ip", ["-n", name, "-j", "link"], { maxBuffer: 64 * 1024 * 1024 });
  return JSON.parse(stdout) as unknown[];
}
