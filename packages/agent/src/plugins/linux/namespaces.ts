import { statSync } from "node:fs";
import { join } from "node:path";
import { type NetNamespace, NetNamespace_ReferenceType as Type } from "@nsmkit/api/linux";
import { CodedError, isCodedError, type Logger } from "@nsmkit/core";
import type { Handle, Netlink, Netns, NetnsRef } from "@nsmkit/netlink";

/** Finds the namespace of the container with a microservice label. Each platform has its own way to know. */
export interface MicroserviceResolver {
  /** undefined: there is no such container now. */
  resolve(label: string): NetnsRef | undefined;
}

/** A namespace in use, shared by all who use it. */
export interface OpenNamespace {
  /** Same for two references to the same namespace. */
  readonly id: string;
  readonly netns: Netns;
  readonly handle: Handle;
  /** The namespace in which the agent runs. */
  readonly own: boolean;
}

export interface NamespaceTableOptions {
  readonly netlink: Netlink;
  readonly logger: Logger;
  readonly microservices: MicroserviceResolver;
  /** Where named namespaces are mounted; default "/run/netns". */
  readonly directory?: string;
}

export interface HoldOptions {
  readonly signal?: AbortSignal;
  /** Make a named namespace that is missing; default true. */
  readonly create?: boolean;
}

interface Entry {
  readonly namespace: OpenNamespace;
  readonly owners: Set<string>;
}

/** How people write a reference, and what makes two the same: "" is the agent's own namespace. */
export function namespaceText(ref: NetNamespace | undefined): string {
  return ref === undefined || ref.type === Type.UNDEFINED ? "" : `${Type[ref.type]}:${ref.reference}`;
}

export function sameNamespace(a: NetNamespace | undefined, b: NetNamespace | undefined): boolean {
  return namespaceText(a) === namespaceText(b);
}

/** Namespaces that declared values live in: opened once, kept open while an owner holds them. */
export class NamespaceTable {
  readonly #options: NamespaceTableOptions;
  readonly #directory: string;
  readonly #entries = new Map<string, Entry>();
  #loans = 0;
  readonly #opening = new Map<string, Promise<OpenNamespace>>();
  readonly own: OpenNamespace;
  /** Told of each namespace that is held. What it returns is called when the namespace goes out of use. */
  onOpen: (namespace: OpenNamespace) => () => Promise<void> = () => async () => {};
  readonly #closers = new Map<string, () => Promise<void>>();

  constructor(options: NamespaceTableOptions) {
    this.#options = options;
    this.#directory = options.directory ?? "/run/netns";
    const netns = options.netlink.namespaces.current;
    this.own = { id: idOf(netns), netns, handle: options.netlink.handle(), own: true };
  }

  /** The namespaces in use now, the agent's own first. */
  all(): readonly OpenNamespace[] {
    return [this.own, ...[...this.#entries.values()].map((entry) => entry.namespace)];
  }

  /** The namespace of a reference, if it is in use. */
  lookup(ref: NetNamespace | undefined): OpenNamespace | undefined {
    try {
      const found = this.#locate(ref);
      return found ? this.#known(found.path) : this.own;
    } catch {
      return undefined;
    }
  }

  byId(id: string): OpenNamespace | undefined {
    return id === this.own.id ? this.own : this.#entries.get(id)?.namespace;
  }

  /**
   * Opens a namespace for as long as `owner` does not release it.
   * @throws CodedError NOT_FOUND, PERMISSION_DENIED, FAILED_PRECONDITION (no such microservice)
   */
  async hold(ref: NetNamespace | undefined, owner: string, options: HoldOptions = {}): Promise<OpenNamespace> {
    const namespace = await this.#lend(ref, owner, options);
    if (!namespace.own && !this.#closers.has(namespace.id)) this.#closers.set(namespace.id, this.onOpen(namespace));
    return namespace;
  }

  release(owner: string): void {
    for (const [id, entry] of this.#entries) {
      if (!entry.owners.delete(owner) || entry.owners.size > 0) continue;
      this.#entries.delete(id);
      void this.#leave(entry.namespace);
    }
  }

  /** As `hold`, for one piece of work, and without telling `onOpen`. */
  async borrow<T>(
    ref: NetNamespace | undefined,
    options: HoldOptions,
    work: (namespace: OpenNamespace) => Promise<T>,
  ): Promise<T> {
    const owner = `loan ${this.#loans++}`;
    const namespace = await this.#lend(ref, owner, options);
    try {
      return await work(namespace);
    } finally {
      this.release(owner);
    }
  }

  async close(): Promise<void> {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    await Promise.all(entries.map((entry) => this.#leave(entry.namespace)));
    await this.own.handle.close();
  }

  async #lend(ref: NetNamespace | undefined, owner: string, options: HoldOptions): Promise<OpenNamespace> {
    const namespace = await this.#open(ref, options);
    if (namespace.own) return namespace;
    const entry = this.#entries.get(namespace.id) ?? { namespace, owners: new Set<string>() };
    this.#entries.set(namespace.id, entry);
    entry.owners.add(owner);
    return entry.namespace;
  }

  async #leave(namespace: OpenNamespace): Promise<void> {
    const stop = this.#closers.get(namespace.id);
    this.#closers.delete(namespace.id);
    await stop?.();
    await this.#shut(namespace);
  }

  async #shut(namespace: OpenNamespace): Promise<void> {
    if (namespace.own) return;
    try {
      await namespace.handle.close();
      await namespace.netns.close();
    } catch (error) {
      this.#options.logger.warn("namespace did not close", { namespace: namespace.netns.label, error });
    }
  }

  /** The open namespace, shared with who is opening or holding the same one. */
  async #open(ref: NetNamespace | undefined, options: HoldOptions): Promise<OpenNamespace> {
    const found = this.#locate(ref);
    if (found === undefined) return this.own;
    const known = this.#known(found.path);
    if (known) return known;
    const underWay = this.#opening.get(found.path);
    if (underWay) return underWay;
    const opening = this.#openAnew(ref, found.ref, options).finally(() => this.#opening.delete(found.path));
    this.#opening.set(found.path, opening);
    return opening;
  }

  async #openAnew(
    ref: NetNamespace | undefined,
    netnsRef: NetnsRef,
    { create = true, ...options }: HoldOptions,
  ): Promise<OpenNamespace> {
    const { netlink } = this.#options;
    let netns: Netns;
    try {
      netns = await netlink.namespaces.open(netnsRef, options);
    } catch (error) {
      if (!create || ref?.type !== Type.NSID || !isCodedError(error, "NOT_FOUND")) throw error;
      netns = await netlink.namespaces.create({ name: ref.reference, ...options });
      this.#options.logger.info("network namespace created", { namespace: ref.reference });
    }
    const id = idOf(netns);
    const known = this.byId(id);
    if (!known) return { id, netns, handle: netlink.handle(netns), own: false };
    await netns.close();
    return known;
  }

  /** A held namespace that a path leads to now; paths may have been given to another namespace meanwhile. */
  #known(path: string): OpenNamespace | undefined {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat) return undefined;
    const id = `${stat.dev}:${stat.ino}`;
    return this.byId(id);
  }

  /** undefined: the agent's own namespace. */
  #locate(ref: NetNamespace | undefined): { path: string; ref: NetnsRef } | undefined {
    if (ref === undefined) return undefined;
    switch (ref.type) {
      case Type.UNDEFINED:
        return undefined;
      case Type.NSID:
        return this.#pathOf({ name: ref.reference });
      case Type.PID:
        return this.#pathOf({ pid: Number(ref.reference) });
      case Type.FD:
        return this.#pathOf({ path: ref.reference });
      case Type.MICROSERVICE: {
        const found = this.#options.microservices.resolve(ref.reference);
        if (!found)
          throw new CodedError(
            "FAILED_PRECONDITION",
            `namespace of microservice "${ref.reference}" is not known: no container with that label runs here`,
            { retryable: true },
          );
        return this.#pathOf(found);
      }
    }
  }

  #pathOf(ref: NetnsRef): { path: string; ref: NetnsRef } {
    if ("name" in ref) return { path: join(this.#directory, ref.name), ref };
    if ("pid" in ref) return { path: `/proc/${ref.pid}/ns/net`, ref };
    if ("path" in ref) return { path: ref.path, ref };
    if ("fd" in ref) return { path: `/proc/self/fd/${ref.fd}`, ref };
    return { path: `inode:${ref.dev ?? ""}:${ref.ino}`, ref };
  }
}

function idOf(netns: Netns): string {
  return `${netns.identity.dev}:${netns.identity.ino}`;
}
