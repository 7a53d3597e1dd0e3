import type { PodSpecDocument } from "../documents/kubernetes/pod.ts";
import { complain, type Place } from "./environment.ts";
import type { PodContext } from "./pods.ts";
import type { NodeSpec } from "./spec.ts";

interface Candidate {
  readonly name: string;
  readonly workload?: string;
  readonly node?: string;
  readonly spec: PodSpecDocument;
}

/** The node of a Pod: the Lab document's placement, then nodeName, then the first node that nodeSelector matches. */
export function placeOn(pod: Candidate, { nodes, placement }: PodContext, place: Place): NodeSpec {
  const [first] = nodes;
  if (!first) throw new Error("a lab has at least one node");
  const byName = (name: string | undefined, field: string): NodeSpec | undefined => {
    if (name === undefined) return undefined;
    const node = nodes.find((candidate) => candidate.name === name);
    if (!node)
      complain(
        place,
        `${field} is ${name}, the lab's nodes are ${nodes.map((node) => node.name).join(", ")}; add it to spec.nodes of the Lab document, or name ${pod.name} in its spec.placement`,
      );
    return node ?? first;
  };
  const wanted = placement[pod.name] ?? (pod.workload === undefined ? undefined : placement[pod.workload]);
  const named = byName(wanted, `placement of ${pod.name}`) ?? byName(pod.node ?? pod.spec.nodeName, "nodeName");
  if (named) return named;
  const selector = Object.entries(pod.spec.nodeSelector ?? {});
  const match = nodes.find((node) => selector.every(([key, value]) => node.labels[key] === value));
  if (!match)
    complain(
      place,
      `nodeSelector ${selector.map((pair) => pair.join("=")).join(",")} matches no node of the lab; add the labels to spec.nodes of the Lab document, or name ${pod.name} in its spec.placement`,
    );
  return match ?? first;
}
