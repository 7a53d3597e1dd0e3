import { type NetNamespace, NetNamespace_ReferenceType as Type } from "@nsmkit/api/linux";
import type { Dependency } from "@nsmkit/scheduler";
import type { FieldChecks } from "../field-checks.ts";
import { microserviceKey } from "./keys.ts";

/** What is wrong with a reference to a namespace, before anyone looks whether it exists. */
export function checkNamespace(checks: FieldChecks, ref: NetNamespace | undefined): void {
  if (ref === undefined) return;
  const shown = JSON.stringify(ref.reference);
  if (ref.type === Type.UNDEFINED)
    checks.wrong(
      "namespace.type",
      "is missing; write NSID, PID, FD or MICROSERVICE, or leave the whole namespace out for the agent's own",
    );
  else if (ref.reference === "") checks.wrong("namespace.reference", `is empty; ${remedies[ref.type]}`);
  else if (ref.type === Type.NSID && !/^[^/\s]{1,255}$/.test(ref.reference))
    checks.wrong("namespace.reference", `is ${shown}; ${remedies[ref.type]}`);
  else if (ref.type === Type.NSID && (ref.reference === "." || ref.reference === ".."))
    checks.wrong("namespace.reference", `is ${shown}; ${remedies[ref.type]}`);
  else if (ref.type === Type.PID && !/^[1-9]\d{0,9}$/.test(ref.reference))
    checks.wrong("namespace.reference", `is ${shown}; ${remedies[ref.type]}`);
  else if (ref.type === Type.FD && !ref.reference.startsWith("/"))
    checks.wrong("namespace.reference", `is ${shown}; ${remedies[ref.type]}`);
}

const remedies: Readonly<Record<Exclude<Type, Type.UNDEFINED>, string>> = {
  [Type.NSID]: "write a name as in /run/netns, without slashes",
  [Type.PID]: "write the number of a process",
  [Type.FD]: "write the absolute path of a namespace file such as /proc/1/ns/net",
  [Type.MICROSERVICE]: "write the microservice label of a container",
};

/** A value in the namespace of a microservice waits for it. */
export function namespaceDependencies(ref: NetNamespace | undefined): Dependency[] {
  if (ref?.type !== Type.MICROSERVICE) return [];
  return [{ label: `microservice ${ref.reference}`, key: microserviceKey(ref.reference) }];
}
