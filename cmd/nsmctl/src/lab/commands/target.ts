import { CodedError } from "@nsmkit/core";
import { ask } from "../control/client.ts";
import type { OperationName, Operations } from "../control/protocol.ts";
import type { Tell } from "../control/server.ts";
import { supervisorOf } from "../host/launch.ts";
import { type LabPlaces, labNames, labPlaces, labsRoot } from "../host/places.ts";
import type { CommandIo } from "../io.ts";

/** The lab that a command means: the named one, or the only one there is. @throws CodedError NOT_FOUND, INVALID_ARGUMENT */
export function findLab(io: CommandIo, name: string | undefined): LabPlaces {
  const root = labsRoot(io.env, io.uid);
  const names = labNames(root);
  if (name !== undefined) {
    if (!names.includes(name))
      throw new CodedError(
        "NOT_FOUND",
        `there is no lab ${JSON.stringify(name)}; ${names.length > 0 ? `there are ${names.join(", ")}` : 'start one with "nsmctl lab up DIR"'}`,
      );
    return labPlaces(root, name);
  }
  const [only, second] = names;
  if (only === undefined) throw new CodedError("NOT_FOUND", 'there is no lab; start one with "nsmctl lab up DIR"');
  if (second !== undefined)
    throw new CodedError("INVALID_ARGUMENT", `there are several labs; choose one with --lab: ${names.join(", ")}`);
  return labPlaces(root, only);
}

/** Asks the lab's supervisor; says what to do where it has died. */
export async function askLab<K extends OperationName>(
  places: LabPlaces,
  operation: K,
  request: Operations[K]["request"],
  options: { tell?: Tell; signal?: AbortSignal } = {},
): Promise<Operations[K]["result"]> {
  if (!supervisorOf(places))
    throw new CodedError(
      "UNAVAILABLE",
      `the supervisor of lab ${places.name} does not run (its log: ${places.supervisorLog}); "nsmctl lab up" starts it anew, "nsmctl lab down ${places.name}" cleans up`,
    );
  return ask(places.controlSocket, operation, request, options);
}
