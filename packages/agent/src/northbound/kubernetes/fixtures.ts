import { createModelRegistry, knownModels } from "@nsmkit/api/model";
import { vppModels } from "@nsmkit/api/model/vpp";
import { silentLogger, systemClock } from "@nsmkit/core";
import { MemoryApiServer } from "@nsmkit/kube/testing";
import { createScheduler, type Descriptor, keyPrefix } from "@nsmkit/scheduler";
import { type Check, Northbound } from "../northbound.ts";
import { type CnfConfigurationObject, cnfConfigurations } from "./resource.ts";
import { KubernetesSource } from "./source.ts";

const allModels = createModelRegistry([...knownModels.models, ...vppModels]);

/** A Linux interface for the agent with the label, as text of an item. */
export const link = (name: string, microservice?: string, more = ""): Record<string, string> => ({
  ...(microservice === undefined ? {} : { microservice }),
  module: "linux.interfaces",
  type: "interface",
  data: `name: ${name}\ntype: VETH\n${more}`,
});

export function resource(
  name: string,
  configItems: readonly Record<string, string>[],
  microservice: string | undefined = "nat",
): CnfConfigurationObject {
  return {
    apiVersion: "pantheon.tech/v1",
    kind: "CNFConfiguration",
    metadata: { namespace: "default", name },
    spec: { ...(microservice === undefined ? {} : { microservice }), configItems },
  };
}

/** An API server in memory and agents that read from it. */
export class KubernetesWorld implements AsyncDisposable {
  readonly api = new MemoryApiServer();
  readonly #open: AsyncDisposable[] = [];

  agent(label = "nat", { descriptor = {}, checks = [] }: { descriptor?: Partial<Descriptor>; checks?: Check[] } = {}) {
    const scheduler = createScheduler({
      descriptors: [{ name: "all", keySelector: keyPrefix("config/"), ...descriptor }],
    });
    const northbound = new Northbound({ scheduler, checks });
    const core = { label, northbound, scheduler, models: knownModels, clock: systemClock, logger: silentLogger };
    const source = new KubernetesSource(core, { client: this.api, allModels, patienceMs: 300 });
    this.#open.unshift(source, scheduler);
    return {
      source,
      scheduler,
      northbound,
      /** As an agent does it. */
      async start() {
        const { changes, complete } = await source.load(Promise.resolve([]));
        northbound.apply(changes, complete ? { resync: true } : {});
        source.start({ completes: () => !complete });
        return complete;
      },
      names: () => [...northbound.store.merged.keys()].map((key) => key.split("/").at(-1)).sort(),
    };
  }

  put(object: CnfConfigurationObject): Promise<CnfConfigurationObject> {
    return this.api.apply(cnfConfigurations, object, { fieldManager: "user" });
  }

  remove(name: string): Promise<boolean> {
    return this.api.delete(cnfConfigurations, { namespace: "default", name });
  }

  get(name: string): Promise<CnfConfigurationObject> {
    return this.api.get(cnfConfigurations, { namespace: "default", name });
  }

  async ready(name: string): Promise<string> {
    const { status } = await this.get(name);
    const { status: is, reason } = status?.conditions?.find(({ type }) => type === "Ready") ?? {};
    return `${is} ${reason}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of this.#open) await one[Symbol.asyncDispose]();
  }
}

export async function until(what: () => boolean | Promise<boolean>, title = String(what)): Promise<void> {
  for (let i = 0; i < 400; i++) {
    if (await what()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`still not: ${title}`);
}
