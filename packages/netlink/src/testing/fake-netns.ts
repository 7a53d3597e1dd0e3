import { CodedError } from "@nsmkit/core";
import type { CallOptions, NamedNetns, Namespaces, Netns, NetnsIdentity, NetnsRef } from "../api/netns.ts";
import { checkNetnsName } from "../names/netns-name.ts";
import { systemError } from "../os/errno.ts";
import { destroyNamespace } from "./links.ts";
import { NamespaceState, Refusal } from "./state.ts";

/** Far from any descriptor that a test could have. */
let nextFd = 1_000_000;

export class FakeNetns implements Netns {
  readonly fd = nextFd++;
  readonly label: string;
  readonly state: NamespaceState;
  readonly #onClose: (netns: FakeNetns) => void;
  #closed = false;

  constructor(state: NamespaceState, label: string, onClose: (netns: FakeNetns) => void) {
    this.state = state;
    this.label = label;
    this.#onClose = onClose;
  }

  get identity(): NetnsIdentity {
    return { dev: this.state.dev, ino: this.state.ino };
  }

  /** @throws CodedError CLOSED */
  check(): void {
    if (this.#closed) throw new CodedError("CLOSED", `network namespace ${this.label} is closed`);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClose(this);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

export class FakeNamespaces implements Namespaces {
  readonly current: FakeNetns;
  readonly #directory: string;
  readonly #names = new Map<string, NamespaceState>();
  readonly #open = new Set<FakeNetns>();
  readonly #processes = new Map<number, NamespaceState>();
  #nextIno = 4_026_532_000;

  constructor(directory: string) {
    this.#directory = directory;
    this.current = new FakeNetns(this.#newState(), "the network namespace of this process", () => {});
    this.current.close = async () => {};
  }

  async create(options: { readonly name?: string; readonly path?: string } & CallOptions = {}): Promise<FakeNetns> {
    const path = options.name === undefined ? options.path : this.#pathOf({ name: options.name });
    if (path !== undefined && this.#names.has(path)) throw fsError("EEXIST", `create ${path}`);
    const state = this.#newState();
    if (path !== undefined) this.#names.set(path, state);
    return this.#opened(state, path ?? "anonymous network namespace");
  }

  async delete(target: { readonly name: string } | { readonly path: string }): Promise<void> {
    const path = this.#pathOf(target);
    const state = this.#names.get(path);
    if (!state) throw fsError("ENOENT", `delete network namespace ${path}`);
    this.#names.delete(path);
    this.#collect(state);
  }

  async list(): Promise<readonly NamedNetns[]> {
    const prefix = `${this.#directory}/`;
    return [...this.#names]
      .filter(([path]) => path.startsWith(prefix) && !path.slice(prefix.length).includes("/"))
      .map(([path, { dev, ino }]) => ({ name: path.slice(prefix.length), path, identity: { dev, ino } }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async open(ref: NetnsRef): Promise<FakeNetns> {
    const [state, label] = this.#find(ref);
    if (!state) throw fsError("ENOENT", `open ${label}`);
    return this.#opened(state, label);
  }

  /** Makes `open({ pid })` find a namespace. */
  addProcess(pid: number, netns: Netns): void {
    this.#processes.set(pid, this.stateOf(netns));
  }

  /** @throws CodedError INVALID_ARGUMENT, CLOSED */
  stateOf(netns: Netns): NamespaceState {
    if (!(netns instanceof FakeNetns))
      throw new CodedError("INVALID_ARGUMENT", `network namespace ${netns.label} was not opened by this Netlink`);
    netns.check();
    return netns.state;
  }

  #find(ref: NetnsRef): [NamespaceState | undefined, string] {
    if ("name" in ref || "path" in ref) return [this.#names.get(this.#pathOf(ref)), this.#pathOf(ref)];
    if ("pid" in ref) return [this.#processes.get(ref.pid), `network namespace of process ${ref.pid}`];
    const open = [this.current, ...this.#open];
    if ("fd" in ref)
      return [open.find((netns) => netns.fd === ref.fd)?.state, `network namespace of descriptor ${ref.fd}`];
    const states = [...this.#names.values(), ...this.#processes.values(), ...open.map((netns) => netns.state)];
    return [states.find((state) => state.ino === ref.ino), `network namespace with inode ${ref.ino}`];
  }

  #pathOf(target: { readonly name: string } | { readonly path: string }): string {
    return "name" in target ? `${this.#directory}/${checkNetnsName(target.name)}` : target.path;
  }

  #newState(): NamespaceState {
    return new NamespaceState(this.#nextIno++);
  }

  #opened(state: NamespaceState, label: string): FakeNetns {
    const netns = new FakeNetns(state, label, (closed) => {
      this.#open.delete(closed);
      this.#collect(closed.state);
    });
    this.#open.add(netns);
    return netns;
  }

  /** A namespace lives while it has a name, a process, or somebody who has it open. */
  #collect(state: NamespaceState): void {
    const held = [...this.#names.values(), ...this.#processes.values(), ...[...this.#open].map((netns) => netns.state)];
    if (!held.includes(state)) destroyNamespace(state);
  }
}

function fsError(errno: "ENOENT" | "EEXIST", doing: string): CodedError {
  return systemError({ errno: new Refusal(errno).failure.errno, doing });
}
