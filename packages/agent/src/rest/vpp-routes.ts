import { CodedError } from "@nsmkit/core";
import type { Route } from "./route.ts";

const paths: readonly [method: Route["method"], path: string][] = [
  ["GET", "/dump/vpp/*"],
  ["GET", "/vpp/telemetry"],
  ["GET", "/vpp/telemetry/*"],
  ["POST", "/vpp/command"],
  ["GET", "/govppmux/stats"],
];

/** Paths of an agent with VPP, answered by one without: 501 and what to do. */
export function noVppRoutes(): Route[] {
  return paths.map(([method, path]) => ({
    method,
    path,
    text: "needs an agent with VPP",
    group: path.startsWith("/dump/") ? "dump" : "telemetry",
    handle() {
      throw new CodedError(
        "UNSUPPORTED",
        "this agent manages no VPP; ask nsm-agent-vpp, or GET /dump/linux/v2/interfaces for what is here",
      );
    },
  }));
}
