import { OperationalState, type Probe } from "../probe.ts";
import type { Route } from "./route.ts";

/** /liveness: the agent works or is about to. /readiness: everything works. 500 otherwise, as the original. */
export function probeRoutes(probe: Probe): Route[] {
  const route = (path: string, text: string, good: (state: number) => boolean): Route => ({
    method: "GET",
    path,
    text,
    handle() {
      const status = probe.read();
      return { status: good(status.state) ? 200 : 500, body: status };
    },
  });
  return [
    route("/liveness", "whether the agent works or is starting", (state) => state !== OperationalState.ERROR),
    route("/readiness", "whether every part of the agent works", (state) => state === OperationalState.OK),
  ];
}
