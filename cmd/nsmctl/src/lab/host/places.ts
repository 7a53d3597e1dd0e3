import { existsSync, readdirSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CodedError, messageOf } from "@nsmkit/core";

/** Where a lab's files are, seen from the machine. */
export interface LabPlaces {
  readonly name: string;
  /** Also the lab's identity: the value of NSMKIT_LAB in the environment of each of its processes. */
  readonly directory: string;
  /** Pid and start time of the supervisor. */
  readonly info: string;
  readonly controlSocket: string;
  readonly supervisorLog: string;
  readonly logs: string;
}

/** The variable that marks every process of a lab. */
export const labMarker = "NSMKIT_LAB";

/** Where a lab's own processes see its directory, whatever its place on the machine. */
export const insideDirectory = "/run/nsmkit";

export function labPlaces(root: string, name: string): LabPlaces {
  const directory = join(root, name);
  return {
    name,
    directory,
    info: join(directory, "supervisor.json"),
    controlSocket: join(directory, "control.sock"),
    supervisorLog: join(directory, "supervisor.log"),
    logs: join(directory, "logs"),
  };
}

/**
 * The folder of all labs of this user: NSMKIT_STATE_DIR, else /run/nsmkit/labs for root, else below XDG_RUNTIME_DIR,
 * XDG_STATE_HOME or ~/.local/state.
 */
export function labsRoot(env: NodeJS.ProcessEnv, uid: number): string {
  if (env.NSMKIT_STATE_DIR) return env.NSMKIT_STATE_DIR;
  if (uid === 0) return "/run/nsmkit/labs";
  if (env.XDG_RUNTIME_DIR) return join(env.XDG_RUNTIME_DIR, "nsmkit/labs");
  if (env.XDG_STATE_HOME) return join(env.XDG_STATE_HOME, "nsmkit/labs");
  if (env.HOME) return join(env.HOME, ".local/state/nsmkit/labs");
  throw new CodedError("FAILED_PRECONDITION", "HOME is not set; set NSMKIT_STATE_DIR to a folder that you may write");
}

/**
 * Makes a folder and those above it, for the user alone.
 * @throws CodedError PERMISSION_DENIED, which names the folder and the remedy
 */
export async function makeDirectory(directory: string): Promise<void> {
  if (existsSync(directory)) return;
  // Not mkdir's own recursive option: it never ends where making an entry gives ENOENT, as below /proc (Node 26).
  if (dirname(directory) !== directory) await makeDirectory(dirname(directory));
  try {
    await mkdir(directory, { mode: 0o700 });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") return;
    throw new CodedError(
      "PERMISSION_DENIED",
      `cannot make ${directory}: ${messageOf(cause)}; set NSMKIT_STATE_DIR to a folder that you may write`,
      { cause },
    );
  }
}

/** Names of the labs whose folder exists, running or not, sorted. */
export function labNames(root: string): string[] {
  try {
    return readdirSync(root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .sort();
  } catch {
    return [];
  }
}
