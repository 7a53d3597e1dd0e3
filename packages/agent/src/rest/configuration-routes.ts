import type { ModelRegistry } from "@nsmkit/api/model";
import type { Scheduler } from "@nsmkit/scheduler";
import { stringify } from "yaml";
import { readDeclaration } from "../northbound/files/document.ts";
import { formatLigatoConfig } from "../northbound/files/ligato-config.ts";
import type { Northbound } from "../northbound/northbound.ts";
import { flag } from "./arguments.ts";
import type { RestRequest, Route } from "./route.ts";

/** Source of what comes over REST. */
const source = "rest";

export interface ConfigurationDeps {
  readonly northbound: Northbound;
  readonly scheduler: Scheduler;
  readonly models: ModelRegistry;
  readonly label: string;
  /** How long PUT waits for values to be in place, ms; default 10,000. */
  readonly waitMs?: number;
}

/** The declared configuration as YAML, in the form of `agentctl config get` and `update`. */
export function configurationRoutes(deps: ConfigurationDeps): Route[] {
  const { northbound, scheduler, models, label } = deps;
  const read = async (request: RestRequest) => readDeclaration(await request.text(), { name: "body", models, label });
  return [
    {
      method: "GET",
      path: "/configuration",
      text: "everything that is declared, from all sources, as YAML",
      group: "nbConfigRead",
      handle: () => ({
        body: stringify(formatLigatoConfig(northbound.store.merged.values(), models)),
        type: "application/yaml; charset=utf-8",
      }),
    },
    {
      method: "PUT",
      path: "/configuration",
      text: "declares what the body (YAML) says; ?replace withdraws what was put here before",
      group: "nbConfigWrite",
      async handle(request) {
        const { items, ignored } = await read(request);
        const replace = request.query.get("replace") === "" || flag(request.query, "replace");
        const applied = northbound.apply([{ source, put: items, replace }], {
          resync: replace,
          description: "PUT /configuration",
        });
        await Promise.race([applied.settled, pause(deps.waitMs ?? 10_000, request.signal)]);
        const values = items.map(({ key }) => scheduler.status(key));
        return { body: { seqnum: applied.seqNum, values, ignored } };
      },
    },
    {
      method: "POST",
      path: "/configuration/validate",
      text: "says what is wrong with the body (YAML) and what it would do, without doing it",
      group: "nbConfigValidation",
      async handle(request) {
        const { items, ignored } = await read(request);
        return { body: { planned: northbound.plan([{ source, put: items }]), ignored } };
      },
    },
  ];
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  timer.unref();
  signal.addEventListener("abort", () => resolve(), { once: true });
  return promise.finally(() => clearTimeout(timer));
}
