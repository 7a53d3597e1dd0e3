import { isCodedError } from "@nsmkit/core";
import { addrList, type Link, linkList, type Monitor, type MonitorEvent } from "@nsmkit/netlink";
import { type LinuxContext, linkId } from "./context.ts";
import type { DriftWatch } from "./drift/drift-watch.ts";
import type { HostLink } from "./host-link.ts";
import { reportState } from "./interface-state.ts";
import { hostLinkKey } from "./keys.ts";
import type { OpenNamespace } from "./namespaces.ts";

/**
 * Follows the links of one namespace and tells the scheduler at once: states of declared interfaces in every
 * namespace, and in the agent's own also which links exist, for EXISTING interfaces.
 */
export class LinkMonitor {
  readonly #context: LinuxContext;
  readonly #namespace: OpenNamespace;
  readonly #drift: DriftWatch | undefined;
  readonly #links = new Map<number, Link>();
  readonly #addresses = new Map<number, Set<string>>();
  #monitor: Monitor | undefined;
  #closed = false;
  #done: Promise<void> | undefined;
  #unfollow: (() => Promise<void>) | undefined;

  constructor(context: LinuxContext, namespace: OpenNamespace, drift?: DriftWatch) {
    this.#context = context;
    this.#namespace = namespace;
    this.#drift = drift;
  }

  /** Resolves when what exists now has been told. */
  async start(): Promise<void> {
    const groups = this.#namespace.own ? (["link", "addr"] as const) : (["link"] as const);
    const monitor = await this.#namespace.handle.monitor({ groups });
    if (this.#closed) return monitor.close();
    this.#monitor = monitor;
    monitor.unref();
    this.#unfollow = await this.#drift?.follow(this.#namespace);
    await this.#relist();
    this.#done = this.#follow(monitor);
    if (this.#closed) await this.close();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#monitor?.close(), this.#unfollow?.()]);
    await this.#done;
  }

  async #follow(monitor: Monitor): Promise<void> {
    const { logger } = this.#context;
    try {
      for await (const event of monitor) {
        if (event.type === "overrun") await this.#relist();
        else this.#take(event);
      }
    } catch (error) {
      if (!this.#closed && !isCodedError(error, "CLOSED"))
        logger.error("links of a namespace are no longer followed", { namespace: this.#namespace.netns.label, error });
    }
  }

  #take(event: MonitorEvent): void {
    if (event.type === "link") {
      if (event.action === "new") this.#linkIs(event.link);
      else this.#linkGone(event.link.index);
    } else if (event.type === "addr") {
      const { link, address } = event.addr;
      const addresses = this.#addresses.get(link) ?? new Set();
      if (event.action === "new") addresses.add(address);
      else addresses.delete(address);
      this.#addresses.set(link, addresses);
      this.#publish(link);
    }
  }

  async #relist(): Promise<void> {
    const [links, addresses] = await this.#namespace.handle.batch([linkList(), addrList()]);
    if (!links.ok) throw links.error;
    if (!addresses.ok) throw addresses.error;
    this.#addresses.clear();
    for (const { link, address } of addresses.value) {
      const known = this.#addresses.get(link) ?? new Set();
      this.#addresses.set(link, known.add(address));
    }
    const present = new Set(links.value.map((link) => link.index));
    for (const index of [...this.#links.keys()]) if (!present.has(index)) this.#linkGone(index);
    for (const link of links.value) this.#linkIs(link);
  }

  #linkIs(link: Link): void {
    const before = this.#links.get(link.index);
    this.#links.set(link.index, link);
    if (before && before.name !== link.name) this.#withdraw(before);
    if (before?.up !== link.up) this.#report(link.index, link.up);
    const names = this.#namesOf(link.index);
    if (before && !before.up && link.up && names.length > 0) this.#drift?.suspect();
    this.#context.states.linkIs(this.#namespace.id, link, names);
    if (!before || before.name !== link.name || before.up !== link.up || before.master !== link.master)
      this.#publish(link.index);
  }

  #linkGone(index: number): void {
    const before = this.#links.get(index);
    this.#links.delete(index);
    this.#addresses.delete(index);
    if (!before) return;
    if (this.#namesOf(index).length > 0) this.#drift?.suspect();
    this.#report(index, undefined);
    this.#context.states.linkGone(this.#namespace.id, index);
    this.#withdraw(before);
  }

  #report(index: number, up: boolean | undefined): void {
    for (const name of this.#namesOf(index)) reportState(this.#context, name, up);
  }

  #namesOf(index: number): readonly string[] {
    return this.#context.interfaces().lookup("link", linkId(this.#namespace.id, index));
  }

  #publish(index: number): void {
    const link = this.#links.get(index);
    if (!this.#namespace.own || !link) return;
    const master = link.master === undefined ? undefined : this.#links.get(link.master);
    const value: HostLink = {
      name: link.name,
      index,
      up: link.up,
      addresses: [...(this.#addresses.get(index) ?? [])].sort(),
      vrf: master?.kind === "vrf" ? master.name : "",
    };
    this.#context.scheduler().notify({ key: hostLinkKey(link.name), value });
  }

  /** The name may have gone to another link meanwhile: two links can swap names. */
  #withdraw({ name, index }: Link): void {
    if (!this.#namespace.own) return;
    for (const link of this.#links.values()) if (link.name === name && link.index !== index) return;
    this.#context.scheduler().notify({ key: hostLinkKey(name) });
  }
}
