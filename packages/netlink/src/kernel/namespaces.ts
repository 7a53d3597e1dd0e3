import { join } from "node:path";
import { throwIfAborted } from "@nsmkit/core";
import type { CallOptions, NamedNetns, Namespaces, NetnsRef } from "../api/netns.ts";
import { checkInteger, invalid } from "../names/invalid.ts";
import { checkNetnsName } from "../names/netns-name.ts";
import type { NetnsTarget } from "../worker/protocol.ts";
import { KernelNetns } from "./netns.ts";
import type { WorkerClient } from "./worker-client.ts";

export class KernelNamespaces implements Namespaces {
  readonly current: KernelNetns;
  readonly #worker: WorkerClient;
  readonly #directory: string;

  constructor(worker: WorkerClient, current: KernelNetns, directory: string) {
    this.#worker = worker;
    this.current = current;
    this.#directory = directory;
  }

  async create(options: { readonly name?: string; readonly path?: string } & CallOptions = {}): Promise<KernelNetns> {
    throwIfAborted(options.signal, "creating a network namespace");
    const { name, path } = options;
    if (name === undefined && path === undefined)
      return new KernelNetns(await this.#worker.call({ call: "createNetns" }), "anonymous network namespace");
    if (name !== undefined && path !== undefined)
      throw invalid("path", path, "stands beside a name", "give one of the two");
    const target = this.#pathOf(name === undefined ? { path: path ?? "" } : { name });
    const shared = name === undefined ? {} : { sharedDirectory: this.#directory };
    return new KernelNetns(await this.#worker.call({ call: "createNetns", path: target, ...shared }), target);
  }

  async delete(
    target: { readonly name: string } | { readonly path: string },
    options: CallOptions = {},
  ): Promise<void> {
    throwIfAborted(options.signal, "deleting a network namespace");
    await this.#worker.call({ call: "deleteNetns", path: this.#pathOf(target) });
  }

  async list(options: CallOptions = {}): Promise<readonly NamedNetns[]> {
    throwIfAborted(options.signal, "listing network namespaces");
    const found = await this.#worker.call({ call: "listNetns", directory: this.#directory });
    return found.map(({ name, dev, ino }) => ({ name, path: join(this.#directory, name), identity: { dev, ino } }));
  }

  async open(ref: NetnsRef, options: CallOptions = {}): Promise<KernelNetns> {
    throwIfAborted(options.signal, "opening a network namespace");
    const { target, label } = this.#targetOf(ref);
    const fd = await this.#worker.call({ call: "openNetns", target });
    return new KernelNetns(fd, label);
  }

  #targetOf(ref: NetnsRef): { target: NetnsTarget; label: string } {
    if ("name" in ref || "path" in ref) {
      const path = this.#pathOf(ref);
      return { target: { path }, label: path };
    }
    if ("pid" in ref) {
      const pid = checkInteger(ref.pid, "pid", 1, 2 ** 22);
      return { target: { path: `/proc/${pid}/ns/net` }, label: `network namespace of process ${pid}` };
    }
    if ("fd" in ref) {
      const fd = checkInteger(ref.fd, "fd", 0, 2 ** 31 - 1);
      // Opening the link makes a descriptor of our own; the caller keeps the given one.
      return { target: { path: `/proc/self/fd/${fd}` }, label: `network namespace of descriptor ${fd}` };
    }
    const ino = checkInteger(ref.ino, "ino", 1, Number.MAX_SAFE_INTEGER);
    const dev = ref.dev === undefined ? {} : { dev: ref.dev };
    return { target: { ino, ...dev, directory: this.#directory }, label: `network namespace with inode ${ino}` };
  }

  #pathOf(target: { readonly name: string } | { readonly path: string }): string {
    if ("name" in target) return join(this.#directory, checkNetnsName(target.name));
    if (typeof target.path !== "string" || !target.path.startsWith("/") || target.path.includes("\0"))
      throw invalid("path", target.path, "is not an absolute path", "give the whole path of the namespace file");
    return target.path;
  }
}
