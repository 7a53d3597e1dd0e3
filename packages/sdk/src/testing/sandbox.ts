import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Closable, closeAll, type Logger, mustExist, silentLogger } from "@nsmkit/core";
import type { Client, ClientOptions } from "../client/api.ts";
import { client } from "../client/client.ts";
import type { Endpoint, EndpointOptions } from "../endpoint/api.ts";
import { endpoint } from "../endpoint/endpoint.ts";
import { insecureIdentity } from "../identity/index.ts";
import { memoryRegistry, registryBindings } from "../registry/index.ts";
import { type Identity, listen } from "../transport/index.ts";
import { type BareClient, bareClient } from "./bare-client.ts";
import { type ForwarderPart, type NsmgrPart, type Part, startEndpoint, startForwarder, startNsmgr } from "./node.ts";

export interface SandboxOptions {
  /** Default 1. */
  readonly nodes?: number;
  /** Life of every token, ms; default 600,000. */
  readonly tokenLifeMs?: number;
  /** Default insecure ones. */
  readonly identity?: (name: string) => Identity;
  readonly logger?: Logger;
}

export interface SandboxNode {
  readonly nsmgr: NsmgrPart;
  readonly forwarder: ForwarderPart;
  /** Starts a new nsmgr on the socket of the old one, which was closed or killed. */
  restartNsmgr(): Promise<void>;
  restartForwarder(): Promise<void>;
  /** A client of this node; closed with the sandbox. */
  client(options: Partial<ClientOptions> & { readonly name: string }): Client;
  endpoint(options: Omit<EndpointOptions, "connectTo">): Promise<Endpoint>;
  /** A client that may die. */
  bareClient(name: string): BareClient;
  /** An endpoint that may die; closed by its user. */
  mortalEndpoint(options: {
    readonly name: string;
    readonly service: string;
    readonly cidrs: readonly string[];
  }): Promise<Part>;
}

export interface Sandbox extends Closable {
  readonly nodes: readonly SandboxNode[];
  /** The node of most tests. */
  readonly node: SandboxNode;
  /** Connections that any program of the mesh still knows, for leak checks. */
  readonly connections: number;
}

/** A whole mesh in this process: registry, nsmgrs and forwarders with real sockets, and a data plane that only remembers. */
export async function sandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const { logger = silentLogger, tokenLifeMs = 600_000 } = options;
  const identityOf = options.identity ?? ((name: string) => insecureIdentity({ name, tokenLifeMs }));
  await using opening = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "nsm-sandbox-"));
  opening.defer(() => rm(directory, { recursive: true, force: true }));

  const identity = opening.use(identityOf("registry"));
  const registry = opening.use(memoryRegistry({ identity, logger }));
  const services = registryBindings(registry, { logger });
  const server = opening.use(await listen([`unix://${directory}/registry.sock`], { identity, services, logger }));
  const registryUrl = mustExist(server.urls[0], "the registry's URL");

  const nodes: Node[] = [];
  for (let index = 0; index < (options.nodes ?? 1); index++) {
    const node = new Node(index, { directory, registryUrl, identityOf, logger });
    opening.defer(() => node.close());
    await node.start();
    nodes.push(node);
  }
  const running = opening.move();
  const close = (): Promise<void> => running.disposeAsync();
  return {
    nodes,
    get node() {
      return mustExist(nodes[0], "a node");
    },
    get connections() {
      return nodes.reduce((sum, { nsmgr, forwarder }) => sum + nsmgr.chain.size + forwarder.chain.size, 0);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

interface World {
  readonly directory: string;
  readonly registryUrl: string;
  readonly identityOf: (name: string) => Identity;
  readonly logger: Logger;
}

class Node implements SandboxNode {
  readonly #index: number;
  readonly #world: World;
  readonly #guests: Closable[] = [];
  #nsmgr: NsmgrPart | undefined;
  #forwarder: ForwarderPart | undefined;

  constructor(index: number, world: World) {
    this.#index = index;
    this.#world = world;
  }

  get nsmgr(): NsmgrPart {
    return mustExist(this.#nsmgr, "the nsmgr");
  }

  get forwarder(): ForwarderPart {
    return mustExist(this.#forwarder, "the forwarder");
  }

  async start(): Promise<void> {
    await this.restartNsmgr();
    await this.restartForwarder();
  }

  async restartNsmgr(): Promise<void> {
    const { directory, registryUrl, identityOf, logger } = this.#world;
    const name = `nsmgr-${this.#index}`;
    const socket = `unix://${directory}/${name}.sock`;
    const publicUrl = this.#nsmgr?.publicUrl ?? "tcp://127.0.0.1:0";
    const identity = identityOf(name);
    this.#nsmgr = await startNsmgr({ name, identity, socket, publicUrl, registryUrl, logger: logger.child({ name }) });
  }

  async restartForwarder(): Promise<void> {
    const { directory, identityOf, logger } = this.#world;
    const name = `forwarder-${this.#index}`;
    this.#forwarder = await startForwarder({
      name,
      identity: identityOf(name),
      socket: `unix://${directory}/${name}.sock`,
      nsmgrUrl: this.nsmgr.url,
      tunnelIp: `10.0.0.${this.#index + 1}`,
      logger: logger.child({ name }),
    });
  }

  client(options: Partial<ClientOptions> & { readonly name: string }): Client {
    const { identityOf, logger } = this.#world;
    const { name } = options;
    const guest = client({
      connectTo: this.nsmgr.url,
      identity: identityOf(name),
      logger: logger.child({ name }),
      ...options,
    });
    this.#guests.push(guest);
    return guest;
  }

  async endpoint(options: Omit<EndpointOptions, "connectTo">): Promise<Endpoint> {
    const { identityOf, logger } = this.#world;
    const { name } = options;
    const connectTo = this.nsmgr.url;
    const identity = identityOf(name);
    const guest = await endpoint({ connectTo, identity, logger: logger.child({ name }), ...options });
    this.#guests.push(guest);
    return guest;
  }

  mortalEndpoint(options: {
    readonly name: string;
    readonly service: string;
    readonly cidrs: readonly string[];
  }): Promise<Part> {
    const { directory, identityOf, logger } = this.#world;
    const { name } = options;
    return startEndpoint({
      ...options,
      identity: identityOf(name),
      logger: logger.child({ name }),
      socket: `unix://${directory}/${name}.sock`,
      nsmgrUrl: this.nsmgr.url,
    });
  }

  bareClient(name: string): BareClient {
    const guest = bareClient({ name, connectTo: this.nsmgr.url, identity: this.#world.identityOf(name) });
    this.#guests.push(guest);
    return guest;
  }

  async close(): Promise<void> {
    const parts = [this.#nsmgr, this.#forwarder].filter((part) => part !== undefined);
    await closeAll([...parts, ...this.#guests.splice(0)]);
  }
}
