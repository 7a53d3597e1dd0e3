import type { LogRegistry } from "../log-registry.ts";
import type { Route } from "./route.ts";

/** /log/*: paths of cn-infra logging/logmanager. */
export function logRoutes(logs: LogRegistry): Route[] {
  return [
    {
      method: "GET",
      path: "/log/list",
      text: "loggers and their levels",
      group: "log",
      handle: () => ({ body: logs.list() }),
    },
    {
      method: "PUT",
      path: "/log/{logger}/{level}",
      text: "sets the level of a logger; default is that of all others",
      group: "log",
      argumentErrorStatus: 500,
      handle: ({ params: { logger = "", level = "" } }) => ({ body: logs.set(logger, level) }),
    },
  ];
}
