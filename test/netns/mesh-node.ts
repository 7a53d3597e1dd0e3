/** Programs of the mesh with Pods: what the mesh suite is made of. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Handle } from "@nsmkit/netlink";
import { Mesh } from "../programs/mesh.ts";
import { Program, serve } from "../programs/program.ts";
import { World } from "./crossconnect-world.ts";

/** A Pod as a kubelet makes it: a process that holds its namespace, and others started in it. */
export interface MeshPod {
  readonly path: string;
  readonly handle: Handle;
  /** Ends the namespace's own process; the Pod's others are the caller's. */
  kill(): void;
}

/** Polls until `done` holds. @returns how long it took, ms */
export async function until(what: string, done: () => boolean | Promise<boolean>, timeoutMs = 15_000): Promise<number> {
  const start = performance.now();
  while (!(await done())) {
    if (performance.now() - start > timeoutMs) assert.fail(`not within ${timeoutMs} ms: ${what}`);
    await sleep(5);
  }
  return performance.now() - start;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** One machine with a mesh on it. Everything is gone after dispose. */
export class MeshWorld implements AsyncDisposable {
  readonly world: World;
  readonly mesh: Mesh;
  #port: number | undefined;

  private constructor(world: World, mesh: Mesh) {
    this.world = world;
    this.mesh = mesh;
  }

  static async open(): Promise<MeshWorld> {
    return new MeshWorld(await World.open(), await Mesh.create());
  }

  socket(name: string): string {
    return `unix://${this.mesh.directory}/${name}.sock`;
  }

  async pod(): Promise<MeshPod> {
    const { process: holder, path } = await this.world.livingPod();
    const netns = this.world.use(await this.world.netlink.namespaces.open({ path }));
    const handle = this.world.use(this.world.netlink.handle(netns));
    return { path, handle, kill: () => void holder.kill("SIGKILL") };
  }

  /** With the same address after a restart, as a node has. */
  async nsmgr(env: Readonly<Record<string, string>> = {}): Promise<Program> {
    this.#port ??= await freePort();
    const listenOn = `${this.mesh.nsmgrUrl},tcp://127.0.0.1:${this.#port}`;
    return this.mesh.nsmgr({ NSM_LISTEN_ON: listenOn, ...env });
  }

  async forwarder(
    env: Readonly<Record<string, string>> = {},
    { name = "forwarder", connectTo = this.mesh.nsmgrUrl, inside = [] as readonly string[] } = {},
  ): Promise<Program> {
    const settings = { NSM_NAME: name, NSM_CONNECT_TO: connectTo, NSM_LISTEN_ON: this.socket(name), ...env };
    const program = this.mesh.use(await serve("nsm-forwarder", settings, inside));
    await program.log("registered");
    return program;
  }

  async endpoint(
    pod: MeshPod,
    env: Readonly<Record<string, string>> = {},
    connectTo = this.mesh.nsmgrUrl,
  ): Promise<Program> {
    const settings = { NSM_NAME: "web-1", NSM_SERVICE: "web", NSM_CONNECT_TO: connectTo, ...env };
    return this.mesh.use(await serve("test/netns/mesh-endpoint.ts", settings, inPod(pod)));
  }

  nsc(pod: MeshPod, env: Readonly<Record<string, string>> = {}, connectTo = this.mesh.nsmgrUrl): Program {
    const settings = {
      NSM_NAME: "client",
      NSM_CONNECT_TO: connectTo,
      NSM_NETWORK_SERVICES: "kernel://web/nsm-1",
      NSM_REQUEST_TIMEOUT: "5s",
      ...env,
    };
    return this.mesh.use(new Program("nsc", settings, inPod(pod)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.mesh[Symbol.asyncDispose]();
    await this.world.close();
  }
}

export const inPod = ({ path }: Pick<MeshPod, "path">): string[] => ["nsenter", `--net=${path}`];

/** Where traffic goes: addresses of the far side that the client's link has a route to. */
export async function peerOf(pod: MeshPod, link = "nsm-1"): Promise<string | undefined> {
  const routes = await pod.handle.routeList({ link, protocol: 78 }).catch(() => []);
  return routes[0]?.destination.split("/")[0];
}

/** Sends echo requests all the time and remembers the longest time without a reply. */
export class Traffic implements AsyncDisposable {
  readonly #pod: MeshPod;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #last = performance.now();
  #longestGapMs = 0;
  replies = 0;

  constructor(pod: MeshPod) {
    this.#pod = pod;
    this.#running = this.#run();
  }

  /** Longest time without a reply since the last call, ms, the present one included. */
  gapMs(): number {
    const gap = Math.max(this.#longestGapMs, performance.now() - this.#last);
    this.#longestGapMs = 0;
    this.#last = performance.now();
    return gap;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const destination = await peerOf(this.#pod);
      if (destination !== undefined) {
        const { received } = await this.#pod.handle
          .ping({ destination, timeoutMs: 50, signal: this.#stop.signal })
          .catch(() => ({ received: 0 }));
        if (received > 0) {
          const now = performance.now();
          this.#longestGapMs = Math.max(this.#longestGapMs, now - this.#last);
          this.#last = now;
          this.replies++;
        }
      }
      await sleep(5);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }
}

/** Links of a namespace but loopback. */
export async function linksIn({ handle }: Pick<MeshPod, "handle">): Promise<string[]> {
  return (await handle.linkList()).filter(({ loopback }) => !loopback).map(({ name }) => name);
}
