import { messageOf } from "@nsmkit/core";
import type { Handle } from "@nsmkit/netlink";
import { isObject } from "../documents/object.ts";
import { getInside } from "./http-inside.ts";

/** Where agents answer unless told otherwise. */
const agentPort = 9191;
/** A busy agent may take a while. */
const answerMs = 5000;

/**
 * What keeps an agent from having its configuration in place; empty when nothing does. An agent that does not answer
 * yet is a problem too.
 */
export async function agentProblems(
  handle: Handle,
  options: { readonly signal: AbortSignal /** Keys that it must have been given. */; readonly keys: readonly string[] },
): Promise<string[]> {
  // A loopback that goes down under a connection leaves it without an answer for ever.
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(answerMs)]);
  try {
    const [readiness, status] = await Promise.all([
      getInside(handle, agentPort, "/readiness", { signal }),
      getInside(handle, agentPort, "/scheduler/status", { signal }),
    ]);
    if (readiness.status !== 200) return partProblems(JSON.parse(readiness.body));
    const statuses: unknown = JSON.parse(status.body);
    return [...missingKeys(statuses, options.keys), ...valueProblems(statuses)];
  } catch (error) {
    return [`does not answer: ${messageOf(error)}`];
  }
}

/** The parts that are not well, from the AgentStatus of /readiness. */
export function partProblems(status: unknown): string[] {
  const plugins = isObject(status) && Array.isArray(status.plugins) ? status.plugins : [];
  const problems = plugins.flatMap((plugin: unknown) =>
    isObject(plugin) && typeof plugin.error === "string" ? [`${String(plugin.name)}: ${plugin.error}`] : [],
  );
  return problems.length > 0 ? problems : ["is starting"];
}

function missingKeys(statuses: unknown, keys: readonly string[]): string[] {
  const list: readonly unknown[] = Array.isArray(statuses) ? statuses : [];
  const there = new Set(list.map((status) => (isObject(status) && isObject(status.value) ? status.value.key : "")));
  return keys.filter((key) => !there.has(key)).map((key) => `${key} has not come from etcd yet`);
}

/** States of values in which nothing is missing (ligato.kvscheduler.ValueState). */
const settled: ReadonlySet<unknown> = new Set(["CONFIGURED", "OBTAINED", "DISCOVERED", "REMOVED", "NONEXISTENT"]);

/** The values that are not in place, with the reason, from /scheduler/status. */
export function valueProblems(statuses: unknown): string[] {
  if (!Array.isArray(statuses)) return ["tells no status of its values"];
  return statuses.flatMap((status: unknown) => {
    const derived: readonly unknown[] =
      isObject(status) && Array.isArray(status.derived_values) ? status.derived_values : [];
    return [isObject(status) ? status.value : undefined, ...derived].flatMap((value) => {
      if (!isObject(value) || settled.has(value.state)) return [];
      const details = Array.isArray(value.details) ? value.details.join(", ") : "";
      const why = typeof value.error === "string" ? value.error : details;
      return [`${String(value.key)} is ${String(value.state)}${why === "" ? "" : `: ${why}`}`];
    });
  });
}
