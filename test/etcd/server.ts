/** A real etcd of one member on loopback, in a directory of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEtcd } from "@nsmkit/agent/etcd";
import { messageOf } from "@nsmkit/core";

/** etcd takes host:port for the name of a socket, and makes it in its working directory. */
const unixName = "etcd:0";

/** Why the suite cannot run here, or undefined. */
export function etcdMissing(): string | undefined {
  return program()
    ? undefined
    : "etcd not found; install etcd-server, or set KUBEBUILDER_ASSETS to a folder that has it";
}

function program(): string | undefined {
  const folders = [process.env.KUBEBUILDER_ASSETS, ...(process.env.PATH ?? "").split(":")];
  return folders.map((folder) => (folder ? join(folder, "etcd") : "")).find((file) => file !== "" && existsSync(file));
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address ? address.port : 0;
}

export interface EtcdServerOptions {
  /** Extra flags of etcd. */
  readonly flags?: readonly string[];
  /** Default http. The flags then name certificate and key. */
  readonly scheme?: "http" | "https";
  /** Default: one that is free. */
  readonly port?: number;
}

export class EtcdServer implements AsyncDisposable {
  readonly #folder: string;
  readonly #port: number;
  readonly #peerPort: number;
  readonly #options: EtcdServerOptions;
  #process: ChildProcess | undefined;
  #log = "";

  private constructor(folder: string, port: number, peerPort: number, options: EtcdServerOptions) {
    this.#folder = folder;
    this.#port = port;
    this.#peerPort = peerPort;
    this.#options = options;
  }

  /** Not running yet. */
  static async create(options: EtcdServerOptions = {}): Promise<EtcdServer> {
    const folder = await mkdtemp(join(tmpdir(), "nsmkit-etcd-"));
    return new EtcdServer(folder, options.port ?? (await freePort()), await freePort(), options);
  }

  static async start(options: EtcdServerOptions = {}): Promise<EtcdServer> {
    const server = await EtcdServer.create(options);
    try {
      await server.start();
    } catch (error) {
      await server.close();
      throw error;
    }
    return server;
  }

  get endpoint(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get url(): string {
    return `${this.#options.scheme ?? "http"}://${this.endpoint}`;
  }

  /** The same server for those who are in another network namespace. */
  get unixEndpoint(): string {
    return `unix://${join(this.#folder, unixName)}`;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  async start(): Promise<void> {
    // A server that was killed left it behind.
    await rm(join(this.#folder, unixName), { force: true });
    const peer = `http://127.0.0.1:${this.#peerPort}`;
    this.#process = spawn(
      program() ?? "etcd",
      [
        ...["--data-dir", join(this.#folder, "data"), "--log-level", "error", "--logger", "zap"],
        ...["--listen-client-urls", `${this.url},unix://${unixName}`, "--advertise-client-urls", this.url],
        ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", `default=${peer}`],
        // A test's data need not survive the machine.
        "--unsafe-no-fsync",
        ...(this.#options.flags ?? []),
      ],
      { cwd: this.#folder, stdio: ["ignore", "ignore", "pipe"] },
    );
    this.#process.stderr?.on("data", (chunk: Buffer) => {
      this.#log = (this.#log + chunk.toString("utf8")).slice(-8000);
    });
    await this.#ready(this.#process);
  }

  async #ready(child: ChildProcess): Promise<void> {
    const deadline = performance.now() + 20_000;
    let last: unknown;
    await using etcd = openEtcd({ endpoints: [this.url], tls: { skipVerify: true }, operationTimeoutMs: 500 });
    while (performance.now() < deadline && child.exitCode === null && child.signalCode === null) {
      try {
        await etcd.get("/probe-etcd-connection");
        return;
      } catch (error) {
        // It asks for a user or a certificate: so it is there.
        const text = messageOf(error);
        if (/user|certificate|alert|permission/i.test(text)) return;
        last = error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    throw new Error(`etcd did not start: ${messageOf(last)}\n${this.#log}`);
  }

  /** @param signal default SIGTERM: an orderly end */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await gone;
  }

  /** The process stands still when this resolves; its connections stay open. */
  async pause(): Promise<void> {
    this.#process?.kill("SIGSTOP");
    // Each thread stops when it is its turn.
    const threads = `/proc/${this.#process?.pid}/task`;
    const stands = async (id: string): Promise<boolean> =>
      /^State:\tT/m.test(await readFile(`${threads}/${id}/status`, "utf8"));
    while (!(await Promise.all((await readdir(threads)).map(stands))).every(Boolean))
      await new Promise((resolve) => setTimeout(resolve, 5));
  }

  resume(): void {
    this.#process?.kill("SIGCONT");
  }

  /** Copies the data of a server that is stopped, for `restore`. */
  async backup(name: string): Promise<void> {
    await cp(join(this.#folder, "data"), join(this.#folder, name), { recursive: true });
  }

  async restore(name: string): Promise<void> {
    await rm(join(this.#folder, "data"), { recursive: true });
    await cp(join(this.#folder, name), join(this.#folder, "data"), { recursive: true });
  }

  /** Administration over the JSON gateway of etcd: `/v3/auth/user/add` and the like. */
  async admin(path: string, body: object, token?: string): Promise<Record<string, unknown>> {
    const response = await fetch(`${this.url}${path}`, {
      method: "POST",
      body: JSON.stringify(body),
      ...(token ? { headers: { authorization: token } } : {}),
    });
    const answer = (await response.json()) as Record<string, unknown>;
    if (!response.ok) throw new Error(`${path}: ${JSON.stringify(answer)}`);
    return answer;
  }

  async close(): Promise<void> {
    this.resume();
    await this.stop("SIGKILL");
    await rm(this.#folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
