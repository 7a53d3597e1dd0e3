/** An agent on a kernel in memory, for the tests of this folder. */
import { knownModels } from "@nsmkit/api/model";
import { FakeClock } from "@nsmkit/core/testing";
import { FakeNetlink, type FakeNetlinkOptions } from "@nsmkit/netlink/testing";
import type { ValueStatus } from "@nsmkit/scheduler";
import { type Agent, createAgent } from "../../agent.ts";
import { readDeclaration } from "../../northbound/files/document.ts";
import type { Item } from "../../northbound/item.ts";
import { FakeIptables } from "../../testing/iptables.ts";
import { interfaceKey } from "./keys.ts";

export class World implements AsyncDisposable {
  readonly netlink: FakeNetlink;
  readonly iptables = new FakeIptables();
  readonly clock = new FakeClock();
  agent: Agent;

  constructor(options: FakeNetlinkOptions = {}) {
    this.netlink = new FakeNetlink(options);
    this.agent = this.#newAgent();
  }

  static async start(options: FakeNetlinkOptions = {}): Promise<World> {
    const world = new World(options);
    await world.netlink.handle().linkSet("lo", { up: true });
    await world.agent.start();
    await world.agent.scheduler.barrier();
    return world;
  }

  /** The handle of the agent's own namespace. */
  get own() {
    return this.netlink.handle();
  }

  async namespace(name: string) {
    return this.netlink.handle(await this.netlink.namespaces.open({ name }));
  }

  items(yaml: string): readonly Item[] {
    return readDeclaration(yaml, { name: "test", models: knownModels, label: "nat" }).items;
  }

  /** Declares what the YAML says and nothing else, and waits until there is nothing left to do. */
  async declare(yaml: string): Promise<void> {
    this.agent.northbound.apply([{ source: "test", put: this.items(yaml), replace: true }]);
    await this.settle();
  }

  async settle(): Promise<void> {
    await this.agent.scheduler.barrier();
    // Events of the kernel arrive after the calls that caused them.
    for (let i = 0; i < 3; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      await this.agent.scheduler.barrier();
    }
  }

  /** Another agent in the place of this one, as after SIGKILL, with these declarations. */
  async restart(yaml: string): Promise<void> {
    await this.agent.close();
    this.netlink.attempted.length = 0;
    this.agent = this.#newAgent();
    await this.agent.linux.start();
    this.agent.northbound.apply([{ source: "test", put: this.items(yaml) }], { resync: true });
    await this.settle();
  }

  async resync(): Promise<void> {
    await this.agent.scheduler.transaction().commit({ resync: "downstream" });
    await this.settle();
  }

  status(key: string): ValueStatus {
    return this.agent.scheduler.status(key).value;
  }

  interface(name: string): ValueStatus {
    return this.status(interfaceKey(name));
  }

  /** Names of the requests that change something, in order, with what they change. */
  writes(): string[] {
    return this.netlink.attempted.map(({ op }) => op.op).filter((name) => !/List|Get$/.test(name));
  }

  async addresses(link: string, handle = this.own): Promise<string[]> {
    return (await handle.addrList({ link })).map(({ address }) => address).sort();
  }

  async routes(handle = this.own): Promise<string[]> {
    return (await handle.routeList({ protocol: 79 }))
      .map(({ destination, gateway }) => `${destination} via ${gateway ?? "link"}`)
      .sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.agent.close();
    await this.netlink.close();
  }

  #newAgent(): Agent {
    return createAgent({ label: "nat", netlink: this.netlink, iptables: this.iptables, clock: this.clock });
  }
}
