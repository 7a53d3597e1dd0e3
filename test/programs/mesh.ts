import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { insecureIdentity } from "@nsmkit/sdk";
import { createRegistryClient, type RegistryClient } from "@nsmkit/sdk/registry";
import { type Program, serve } from "./program.ts";

/** A directory with sockets, and the programs of one node on them. */
export class Mesh implements AsyncDisposable {
  readonly directory: string;
  readonly #opened = new AsyncDisposableStack();

  private constructor(directory: string) {
    this.directory = directory;
    this.#opened.defer(() => rm(directory, { recursive: true, force: true }));
  }

  static async create(): Promise<Mesh> {
    return new Mesh(await mkdtemp(join(tmpdir(), "nsm-programs-")));
  }

  get registryUrl(): string {
    return `unix://${this.directory}/registry.sock`;
  }
  get nsmgrUrl(): string {
    return `unix://${this.directory}/nsmgr.sock`;
  }

  /** May be called again after the former one was killed. */
  async registry(env: Readonly<Record<string, string>> = {}): Promise<Program> {
    return this.#opened.use(await serve("nsm-registry", { NSM_LISTEN_ON: this.registryUrl, ...env }));
  }

  async nsmgr(env: Readonly<Record<string, string>> = {}): Promise<Program> {
    return this.#opened.use(
      await serve("nsmgr", {
        NSM_NAME: "nsmgr",
        NSM_LISTEN_ON: `${this.nsmgrUrl},tcp://127.0.0.1:0`,
        NSM_REGISTRY_URL: this.registryUrl,
        NODE_NAME: "node-1",
        ...env,
      }),
    );
  }

  use<T extends AsyncDisposable>(thing: T): T {
    return this.#opened.use(thing);
  }

  client(name: string, connectTo: string = this.nsmgrUrl): RegistryClient {
    return this.#opened.use(createRegistryClient({ connectTo, identity: insecureIdentity({ name }) }));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#opened.disposeAsync();
  }
}
