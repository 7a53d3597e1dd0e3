import { messageOf } from "@nsmkit/core";
import type { Handle } from "@nsmkit/netlink";
import { getInside } from "./http-inside.ts";

const agentPort = 9191;

/**
 * What keeps an agent from having its configuration in place; empty when nothing does.
 * An agent that does not answer yet is a problem too.
 */
export async function agentProblems(handle: Handle, options: { signal: AbortSignal }): Promise<string[]> {
  try {
    const readiness = await getInside(handle, agentPort, "/readiness", options);
    if (readiness.status !== 200) return [`not ready (HTTP ${readiness.status})`];
    return [];
  } catch (error) {
    return [`does not answer: ${messageOf(error)}`];
  }
}
