/** A real Kubernetes control plane for tests: etcd and kube-apiserver on loopback, as envtest starts them. */
import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf } from "@nsmkit/core";
import type { ClusterConfig } from "@nsmkit/kube";
import { KubeClient } from "@nsmkit/kube";

/** Why the suite cannot run here, or undefined. */
export function controlPlaneMissing(): string | undefined {
  const missing = (["etcd", "kube-apiserver"] as const).filter((program) => !findProgram(program));
  if (missing.length === 0) return undefined;
  return `${missing.join(" and ")} not found; set KUBEBUILDER_ASSETS to a folder that has them (scripts/kube-apiserver.sh builds one)`;
}

function findProgram(name: string): string | undefined {
  const folders = [
    process.env.KUBEBUILDER_ASSETS,
    "/usr/local/kubebuilder/bin",
    ...(process.env.PATH ?? "").split(":"),
  ];
  return folders.map((folder) => (folder ? join(folder, name) : "")).find((file) => file !== "" && existsSync(file));
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address ? address.port : 0;
}

export interface ControlPlaneOptions {
  /** Extra flags of kube-apiserver. */
  readonly flags?: readonly string[];
}

export class ControlPlane implements AsyncDisposable {
  readonly #folder: string;
  readonly #etcdPort: number;
  readonly #port: number;
  readonly #token: string;
  readonly #flags: readonly string[];
  #etcd: ChildProcess | undefined;
  #apiserver: ChildProcess | undefined;
  #log = "";

  private constructor(folder: string, etcdPort: number, port: number, flags: readonly string[]) {
    this.#folder = folder;
    this.#etcdPort = etcdPort;
    this.#port = port;
    this.#token = randomBytes(16).toString("hex");
    this.#flags = flags;
  }

  static async start(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
    const folder = await mkdtemp(join(tmpdir(), "nsmkit-control-plane-"));
    const plane = new ControlPlane(folder, await freePort(), await freePort(), options.flags ?? []);
    try {
      const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
      await writeFile(join(folder, "sa.key"), privateKey.export({ type: "pkcs8", format: "pem" }));
      await writeFile(join(folder, "sa.pub"), publicKey.export({ type: "spki", format: "pem" }));
      await writeFile(join(folder, "tokens.csv"), `${plane.#token},admin,admin,"system:masters"\n`, { mode: 0o600 });
      await plane.startEtcd();
      await plane.startApiServer();
    } catch (error) {
      await plane.close();
      throw error;
    }
    return plane;
  }

  get url(): string {
    return `https://127.0.0.1:${this.#port}`;
  }

  /** etcd's client address. */
  get etcdUrl(): string {
    return `http://127.0.0.1:${this.#etcdPort}`;
  }

  /** Client settings of an administrator, or of any bearer token. */
  async config(token: string = this.#token): Promise<ClusterConfig> {
    const ca = await readFile(join(this.#folder, "certs", "apiserver.crt"), "utf8");
    return {
      server: this.url,
      tls: { ca, insecureSkipVerify: false, serverName: "kubernetes.default.svc" },
      namespace: "default",
      authorization: async () => `Bearer ${token}`,
    };
  }

  /** A kubeconfig file of the administrator, for programs that are started apart. */
  async kubeconfig(): Promise<string> {
    const ca = await readFile(join(this.#folder, "certs", "apiserver.crt"));
    const file = join(this.#folder, "kubeconfig");
    const config = {
      apiVersion: "v1",
      kind: "Config",
      "current-context": "test",
      clusters: [
        {
          name: "test",
          cluster: {
            server: this.url,
            "certificate-authority-data": ca.toString("base64"),
            "tls-server-name": "kubernetes.default.svc",
          },
        },
      ],
      users: [{ name: "admin", user: { token: this.#token } }],
      contexts: [{ name: "test", context: { cluster: "test", user: "admin", namespace: "default" } }],
    };
    await writeFile(file, JSON.stringify(config), { mode: 0o600 });
    return file;
  }

  async startEtcd(): Promise<void> {
    const url = this.etcdUrl;
    const peer = `http://127.0.0.1:${await freePort()}`;
    this.#etcd = this.#spawn("etcd", [
      ...["--data-dir", join(this.#folder, "etcd"), "--log-level", "error"],
      ...["--listen-client-urls", url, "--advertise-client-urls", url, "--listen-peer-urls", peer],
      // A test's data need not survive the machine.
      "--unsafe-no-fsync",
    ]);
    await this.#until(async () => (await fetch(`${url}/health`)).ok, this.#etcd);
  }

  async startApiServer(): Promise<void> {
    this.#apiserver = this.#spawn("kube-apiserver", [
      `--etcd-servers=${this.etcdUrl}`,
      "--bind-address=127.0.0.1",
      `--secure-port=${this.#port}`,
      `--cert-dir=${join(this.#folder, "certs")}`,
      `--token-auth-file=${join(this.#folder, "tokens.csv")}`,
      "--authorization-mode=RBAC",
      "--service-account-issuer=https://localhost",
      `--service-account-key-file=${join(this.#folder, "sa.pub")}`,
      `--service-account-signing-key-file=${join(this.#folder, "sa.key")}`,
      "--service-cluster-ip-range=10.0.0.0/24",
      // No controller makes service accounts here, so nothing may wait for one.
      "--disable-admission-plugins=ServiceAccount",
      "--allow-privileged=true",
      ...this.#flags,
    ]);
    await this.#until(async () => {
      const config = await this.config();
      const client = new KubeClient(config);
      try {
        await client.get(
          { group: "", version: "v1", kind: "Namespace", plural: "namespaces", namespaced: false },
          { name: "default" },
        );
        return true;
      } finally {
        await client.close();
      }
    }, this.#apiserver);
  }

  /** SIGKILL, as a crash. */
  async killApiServer(): Promise<void> {
    await end(this.#apiserver, "SIGKILL");
  }

  async killEtcd(): Promise<void> {
    await end(this.#etcd, "SIGKILL");
  }

  async close(): Promise<void> {
    // The API server drains for a minute when asked kindly; nothing of it is worth that here.
    await end(this.#apiserver, "SIGKILL");
    await end(this.#etcd, "SIGKILL");
    await rm(this.#folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #spawn(name: string, args: readonly string[]): ChildProcess {
    const child = spawn(findProgram(name) ?? name, args, { stdio: ["ignore", "ignore", "pipe"] });
    child.stderr?.on("data", (chunk: Buffer) => {
      this.#log = (this.#log + chunk.toString("utf8")).slice(-8_000);
    });
    return child;
  }

  async #until(ready: () => Promise<boolean>, child: ChildProcess): Promise<void> {
    const deadline = performance.now() + 30_000;
    let last: unknown;
    while (performance.now() < deadline) {
      if (child.exitCode !== null || child.signalCode !== null) break;
      try {
        if (await ready()) return;
      } catch (error) {
        last = error;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`${child.spawnfile} did not start: ${messageOf(last)}\n${this.#log}`);
  }
}

async function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  await gone;
}
