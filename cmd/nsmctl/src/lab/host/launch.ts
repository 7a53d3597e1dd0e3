import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CodedError } from "@nsmkit/core";
import { type LabPlaces, labMarker, makeDirectory } from "./places.ts";
import { isAlive, killAll, labProcesses, type ProcessId, processId } from "./processes.ts";
import { explainRefusal, namespaceFacts } from "./refusal.ts";

export interface LaunchOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly uid: number;
  /** Our own program, to be run as the supervisor. */
  readonly program: string;
  readonly signal: AbortSignal;
}

/** The supervisor of this lab, if it lives. */
export function supervisorOf(places: LabPlaces): ProcessId | undefined {
  try {
    const id = JSON.parse(readFileSync(places.info, "utf8")) as ProcessId;
    return isAlive(id) ? id : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Makes sure that the lab has a supervisor. What a dead one left is removed first.
 * @returns whether it was started now
 * @throws CodedError PERMISSION_DENIED when the machine forbids namespaces, naming the setting
 */
export async function ensureSupervisor(places: LabPlaces, options: LaunchOptions): Promise<boolean> {
  if (supervisorOf(places)) return false;
  await makeDirectory(join(places.directory, ".."));
  const lock = `${places.directory}.lock`;
  await takeLock(lock, options.signal);
  try {
    if (supervisorOf(places)) return false;
    await removeLab(places);
    await makeDirectory(places.directory);
    try {
      await start(places, options);
    } catch (error) {
      await removeLab(places);
      throw error;
    }
    return true;
  } finally {
    rmSync(lock, { force: true });
  }
}

/** Two commands at once would start two supervisors. The lock of a process that died does not count. */
async function takeLock(lock: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    try {
      writeFileSync(lock, JSON.stringify(processId(process.pid)), { flag: "wx" });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const holder = readLock(lock);
    if (holder === "gone" || (holder && !isAlive(holder))) rmSync(lock, { force: true });
    await sleep(20);
  }
}

/** An empty lock is being written, or was by a process that died then: a second is enough to tell. */
function readLock(lock: string): ProcessId | "gone" | undefined {
  try {
    const text = readFileSync(lock, "utf8");
    if (text !== "") return JSON.parse(text) as ProcessId;
    return Date.now() - statSync(lock).mtimeMs > 1000 ? "gone" : undefined;
  } catch {
    return undefined;
  }
}

async function start(places: LabPlaces, { env, uid, program, signal }: LaunchOptions): Promise<void> {
  const log = openSync(places.supervisorLog, "a");
  const user = uid === 0 ? [] : ["--user", "--map-root-user"];
  const child = spawn(
    "unshare",
    [...user, "--net", "--mount", "--", process.execPath, program, "lab", "supervise", places.directory],
    { detached: true, stdio: ["ignore", log, log, "pipe"], env: { ...env, [labMarker]: places.directory } },
  );
  closeSync(log);
  const onAbort = (): void => void child.kill("SIGKILL");
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const ready = await new Promise<boolean>((resolve) => {
      child.once("error", () => resolve(false));
      child.once("exit", () => resolve(false));
      child.stdio[3]?.once("data", () => resolve(true));
    });
    if (!ready) failStart(places, uid, child.pid !== undefined);
    signal.throwIfAborted();
  } finally {
    signal.removeEventListener("abort", onAbort);
    child.stdio[3]?.destroy();
    child.unref();
  }
}

/** Says why the supervisor did not come up. */
function failStart(places: LabPlaces, uid: number, unshareExists: boolean): never {
  const message = existsSync(places.supervisorLog) ? readFileSync(places.supervisorLog, "utf8") : "";
  if (!unshareExists)
    throw new CodedError("UNSUPPORTED", 'the program "unshare" is missing; install the package util-linux');
  if (/^unshare: |EPERM|EACCES|Operation not permitted|Permission denied|PERMISSION_DENIED/m.test(message))
    throw new CodedError("PERMISSION_DENIED", explainRefusal(namespaceFacts(message, uid)));
  throw new CodedError("INTERNAL", `the lab's supervisor did not start:\n${message.trim()}`);
}

export interface Removal {
  readonly killed: number;
  readonly existed: boolean;
}

/**
 * Ends every process of a lab and removes its folder. Namespaces, links, mounts and rules exist only inside the lab's
 * namespaces, which end with the last process.
 */
export async function removeLab(places: LabPlaces): Promise<Removal> {
  const killed = await killAll(() => labProcesses(places.directory));
  const existed = existsSync(places.directory);
  await rm(places.directory, { recursive: true, force: true });
  return { killed, existed };
}
