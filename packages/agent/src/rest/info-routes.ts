import type { Agent } from "../agent.ts";
import type { BuildInfo } from "../probe.ts";
import { oneOf } from "./arguments.ts";
import type { Route } from "./route.ts";
import { sourcesRoute } from "./sources-route.ts";

/** /info/*: what runs here and what it takes. */
export function infoRoutes(agent: Agent, build: BuildInfo): Route[] {
  return [
    {
      method: "GET",
      path: "/info/version",
      text: "what this agent was built from",
      group: "info",
      handle: () => ({
        body: {
          App: "nsm-agent-linux",
          Version: build.version,
          GitCommit: build.revision ?? "",
          GitBranch: "",
          BuildUser: "nsmkit",
          BuildHost: "",
          // s
          BuildTime: build.date === undefined ? 0 : Math.floor(Date.parse(build.date) / 1000),
          // The program that runs it, where the original names the Go that compiled it.
          GoVersion: `node ${process.version}`,
          OS: process.platform,
          Arch: process.arch,
        },
      }),
    },
    {
      method: "GET",
      path: "/info/configuration/jsonschema",
      text: "JSON Schema of PUT /configuration; fieldnames=onlyproto or onlyjson (default: both), dialect=draft-07 or 2020-12",
      group: "info",
      async handle({ query }) {
        // Loaded for those who ask: an editor asks once.
        const { configurationSchema } = await import("@nsmkit/api/schema");
        const { groupOf, namesOf } = await import("../northbound/files/ligato-config.ts");
        const only = oneOf(query, "fieldnames", ["onlyproto", "onlyjson"]);
        const dialect = oneOf(query, "dialect", ["draft-07", "2020-12"]);
        const schema = configurationSchema(agent.models.models, {
          ...(only ? { fieldNames: only === "onlyproto" ? "proto" : "json" } : {}),
          ...(dialect ? { dialect } : {}),
          place: (model) => ({ group: groupOf(model), names: namesOf(model) }),
        });
        return { body: schema, type: "application/json; charset=utf-8" };
      },
    },
    {
      method: "GET",
      path: "/info/files",
      text: "configuration files and what is wrong with them",
      group: "info",
      handle: () => ({ body: agent.files.status }),
    },
    sourcesRoute(agent),
  ];
}
