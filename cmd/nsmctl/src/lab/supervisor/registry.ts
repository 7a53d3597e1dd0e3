import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { NetworkServiceSchema } from "@nsmkit/api/registry";
import { retry } from "@nsmkit/core";
import type { NetworkServiceSpec } from "../documents/network-service.ts";
import { insideDirectory } from "../host/places.ts";
import type { SupervisorContext } from "./context.ts";
import { LogFile } from "./log-file.ts";
import { ManagedProcess } from "./managed-process.ts";
import { spawnHere } from "./sandbox.ts";

/** The lab's registry, in the underlay, and the network services that are declared for it. */
export class LabRegistry {
  readonly process: ManagedProcess;
  readonly #url: string;
  readonly #services = new Map<string, NetworkServiceSpec>();
  #restarts = 0;
  #ready = false;

  constructor(context: SupervisorContext) {
    this.#url = context.registryUrl;
    const env = { ...context.env, NSM_LISTEN_ON: context.registryUrl, NSM_NAME: "registry" };
    this.process = new ManagedProcess({
      name: "registry",
      start: () => spawnHere(["nsm-registry"], env),
      restart: "Always",
      log: new LogFile(join(insideDirectory, "logs", "registry", "registry.log")),
      onChange: (process) => {
        if (process.restarts !== this.#restarts) {
          this.#restarts = process.restarts;
          this.#ready = false;
          // It keeps everything in memory.
          void this.#registerAll().catch(() => {});
        }
        context.onChange();
      },
    });
  }

  get services(): readonly NetworkServiceSpec[] {
    return [...this.#services.values()];
  }

  get ready(): boolean {
    return this.#ready;
  }

  start(): void {
    this.process.start();
  }

  async register(services: readonly NetworkServiceSpec[], options: { signal: AbortSignal }): Promise<void> {
    for (const service of services) this.#services.set(service.name, service);
    await this.#call(async (client, signal) => {
      for (const service of services) await client.register(messageOf(service), signal);
    }, options.signal);
    this.#ready = true;
  }

  async unregister(name: string, options: { signal: AbortSignal }): Promise<void> {
    this.#services.delete(name);
    await this.#call(
      (client, signal) => client.unregister(create(NetworkServiceSchema, { name }), signal),
      options.signal,
    );
  }

  async #registerAll(): Promise<void> {
    await this.register(this.services, { signal: AbortSignal.timeout(60_000) });
  }

  async #call(work: (client: ServiceClient, signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    const client = await openClient(this.#url);
    try {
      await retry(() => work(client, signal), { initialMs: 20, maxMs: 200, signal });
    } finally {
      await client.close();
    }
  }

  async close(options: { graceMs?: number } = {}): Promise<void> {
    await this.process.stop(options.graceMs ?? 2000);
  }
}

type Message = ReturnType<typeof messageOf>;

interface ServiceClient {
  register(service: Message, signal: AbortSignal): Promise<void>;
  unregister(service: Message, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** The sdk is loaded when it is needed: the programs that it talks to are starting meanwhile. */
async function openClient(url: string): Promise<ServiceClient> {
  const [{ createRegistryClient }, { insecureIdentity }, { Context }, { systemClock, silentLogger }] =
    await Promise.all([
      import("@nsmkit/sdk/registry"),
      import("@nsmkit/sdk/identity"),
      import("@nsmkit/sdk/chain"),
      import("@nsmkit/core"),
    ]);
  const identity = insecureIdentity({ name: "lab" });
  const client = createRegistryClient({ connectTo: url, identity });
  const context = (signal: AbortSignal) => new Context({ signal, clock: systemClock, logger: silentLogger });
  return {
    register: async (service, signal) => void (await client.services.request(context(signal), service)),
    unregister: async (service, signal) => void (await client.services.close(context(signal), service)),
    close: () => client.close(),
  };
}

function messageOf(service: NetworkServiceSpec) {
  return create(NetworkServiceSchema, {
    name: service.name,
    payload: service.payload,
    matches: service.matches.map((match) => ({
      sourceSelector: { ...match.sourceSelector },
      routes: match.routes.map((route) => ({
        destinationSelector: { ...route.destinationSelector },
        weight: route.weight,
      })),
      fallthrough: match.fallthrough,
      ...(match.metadataLabels ? { metadata: { labels: { ...match.metadataLabels } } } : {}),
    })),
  });
}
