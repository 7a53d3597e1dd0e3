import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { CodedError } from "@nsmkit/core";
import { insideDirectory, labMarker } from "./places.ts";

/** A process that cannot be mistaken for a later one with the same pid. */
export interface ProcessId {
  readonly pid: number;
  /** Clock ticks after boot (field 22 of /proc/pid/stat). */
  readonly startTime: string;
}

export interface LabProcess extends ProcessId {
  readonly command: string;
}

/** @returns undefined when there is no such process, or only what is left of one (a zombie) */
export function processId(pid: number): ProcessId | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The command in brackets may hold anything; the fields after the last bracket are plain.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state, startTime] = [fields[0], fields[19]];
    return state === "Z" || state === "X" || !startTime ? undefined : { pid, startTime };
  } catch {
    return undefined;
  }
}

export function isAlive(id: ProcessId): boolean {
  return processId(id.pid)?.startTime === id.startTime;
}

/**
 * Every process of a lab: those with its mark in their environment, those whose /run/nsmkit is the lab's folder, and
 * those that share a network namespace with one of them; for a program may clear its environment or enter only a part
 * of the namespaces. Never the caller, nor anything that merely shares the caller's own namespace.
 */
export function labProcesses(labDirectory: string): LabProcess[] {
  const mark = `${labMarker}=${labDirectory}\0`;
  // Where the caller itself sees that folder under that path, everybody on the machine does.
  const seen = identityOf(labDirectory);
  const folder = seen === identityOf(insideDirectory) ? undefined : seen;
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  const own = namespaceOf("self");
  const belongs = (pid: number): boolean =>
    environOf(pid).includes(mark) ||
    (folder !== undefined && identityOf(`/proc/${pid}/root${insideDirectory}`) === folder);
  const found = new Set(all.filter((pid) => pid !== process.pid && belongs(pid)));
  const namespaces = new Set([...found].map(namespaceOf).filter((name) => name !== undefined && name !== own));
  return all.flatMap((pid) => {
    if (pid === process.pid) return [];
    if (!found.has(pid) && (namespaces.size === 0 || !namespaces.has(namespaceOf(pid)))) return [];
    const id = processId(pid);
    return id ? [{ ...id, command: commandOf(pid) }] : [];
  });
}

/** Device and inode: the same folder whatever the path and the mount namespace. */
function identityOf(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path);
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

function environOf(pid: number): string {
  try {
    return `${readFileSync(`/proc/${pid}/environ`, "latin1")}\0`;
  } catch {
    return "";
  }
}

function namespaceOf(pid: number | "self"): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined;
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return "";
  }
}

/** Sends a signal to exactly this process. @returns whether it was there */
export function signal(id: ProcessId, name: NodeJS.Signals): boolean {
  if (!isAlive(id)) return false;
  try {
    process.kill(id.pid, name);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}

/**
 * Ends everything that `find` still finds, again and again, because what is being killed may be forking.
 * @throws CodedError DEADLINE_EXCEEDED naming what would not die
 */
export async function killAll(find: () => LabProcess[], options: { timeoutMs?: number } = {}): Promise<number> {
  const deadline = performance.now() + (options.timeoutMs ?? 5000);
  const killed = new Set<number>();
  for (;;) {
    const left = find();
    if (left.length === 0) return killed.size;
    if (performance.now() > deadline)
      throw new CodedError(
        "DEADLINE_EXCEEDED",
        `these processes do not end: ${left.map(({ pid, command }) => `${pid} (${command.slice(0, 60)})`).join(", ")}`,
      );
    for (const id of left) if (signal(id, "SIGKILL")) killed.add(id.pid);
    await sleep(5);
  }
}
