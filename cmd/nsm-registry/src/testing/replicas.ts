import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type NetworkService,
  type NetworkServiceEndpoint,
  NetworkServiceEndpointSchema,
  NetworkServiceSchema,
} from "@nsmkit/api/registry";
import { Deferred, type Logger } from "@nsmkit/core";
import { FakeClock, settle } from "@nsmkit/core/testing";
import type { Client } from "@nsmkit/kube";
import { MemoryApiServer } from "@nsmkit/kube/testing";
import { insecureIdentity } from "@nsmkit/sdk";
import { Context } from "@nsmkit/sdk/chain";
import { nseRules, nsRules, type Registry } from "@nsmkit/sdk/registry";
import { type KubernetesRegistry, type KubernetesRegistryOptions, kubernetesRegistry } from "../store/registry.ts";

export const namespace = "nsm-system";

export const endpoint = (init: MessageInitShape<typeof NetworkServiceEndpointSchema>): NetworkServiceEndpoint =>
  create(NetworkServiceEndpointSchema, init);
export const service = (init: MessageInitShape<typeof NetworkServiceSchema>): NetworkService =>
  create(NetworkServiceSchema, init);

/** Registries over one API server in memory, under one clock that stands still. */
export class Replicas implements AsyncDisposable {
  readonly clock = new FakeClock(1_000_000);
  readonly server = new MemoryApiServer({ clock: this.clock });
  readonly #open = new Set<KubernetesRegistry>();

  async start(
    options: { readonly client?: Client; readonly logger?: Logger } & Pick<KubernetesRegistryOptions, "random"> = {},
  ): Promise<KubernetesRegistry> {
    const { clock } = this;
    const identity = insecureIdentity({ name: "registry" });
    const replica = kubernetesRegistry({ client: this.server, namespace, identity, clock, ...options });
    this.#open.add(replica);
    await replica.synced({ signal: AbortSignal.timeout(10_000) });
    await this.settled();
    return replica;
  }

  /** Without a word to anyone, as a crash. */
  async crash(replica: KubernetesRegistry): Promise<void> {
    this.#open.delete(replica);
    await replica.close();
  }

  /** The API server as one sees it whose watches tell nothing for now. */
  lateClient(): { readonly client: Client; readonly catchUp: () => void } {
    const told = new Deferred<void>();
    const { server } = this;
    const client: Client = new Proxy(server, {
      get(_, verb) {
        const method: unknown = Reflect.get(server, verb);
        if (verb !== "watch") return typeof method === "function" ? method.bind(server) : method;
        return async function* (...args: Parameters<Client["watch"]>) {
          for await (const event of server.watch(...args)) {
            await told.promise;
            yield event;
          }
        };
      },
    });
    return { client, catchUp: () => told.resolve() };
  }

  /** Watches have told what there was to tell. */
  async settled(): Promise<void> {
    for (let turn = 0; turn < 8; turn++) await settle();
  }

  context(signal = new AbortController().signal): Context {
    return new Context({ signal, clock: this.clock });
  }

  async endpoints(
    registry: Registry,
    pattern: MessageInitShape<typeof NetworkServiceEndpointSchema> = {},
  ): Promise<NetworkServiceEndpoint[]> {
    const found: NetworkServiceEndpoint[] = [];
    const query = nseRules.query(endpoint(pattern), false);
    for await (const each of registry.endpoints.find(this.context(), query))
      if (each.networkServiceEndpoint) found.push(each.networkServiceEndpoint);
    return found;
  }

  async names(registry: Registry): Promise<string[]> {
    return (await this.endpoints(registry)).map(({ name }) => name).sort();
  }

  async services(registry: Registry): Promise<NetworkService[]> {
    const found: NetworkService[] = [];
    for await (const each of registry.services.find(this.context(), nsRules.query(service({}), false)))
      if (each.networkService) found.push(each.networkService);
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#open].map((replica) => replica.close()));
  }
}
