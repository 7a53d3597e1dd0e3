import { CodedError } from "@nsmkit/core";
import type { AgentResult } from "../control/protocol.ts";
import type { ContainerSpec } from "../spec/spec.ts";
import type { RunningLab } from "./lab.ts";

interface LabAgent {
  readonly pod: string;
  readonly container: ContainerSpec;
  readonly label: string;
}

/** The agent of a Pod, of a label, or the only one of the lab. @throws CodedError NOT_FOUND, INVALID_ARGUMENT */
export function findAgent(lab: RunningLab, wanted: { readonly pod?: string; readonly label?: string }): AgentResult {
  const all = lab.podList.flatMap(({ spec }) =>
    spec.containers.flatMap((container): LabAgent[] =>
      container.microservice === undefined || !container.command
        ? []
        : [{ pod: spec.name, container, label: container.microservice }],
    ),
  );
  const found = all.filter(
    ({ pod, label }) => pod === (wanted.pod ?? pod) && (wanted.pod !== undefined || label === (wanted.label ?? label)),
  );
  const [first, second] = found;
  const there = all.map(({ pod, label }) => (pod === label ? pod : `${pod} (label ${label})`)).join(", ") || "none";
  if (!first) {
    const what = wanted.pod === undefined ? `with the label ${wanted.label}` : `in Pod ${wanted.pod}`;
    throw new CodedError("NOT_FOUND", `there is no agent ${what}; the agents are in ${there}`);
  }
  if (second && wanted.pod === undefined)
    throw new CodedError("INVALID_ARGUMENT", `there are several agents; choose one with --pod: ${there}`);
  return { pod: first.pod, label: first.label, etcd: first.container.etcdEndpoints ?? [] };
}
