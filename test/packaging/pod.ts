import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KubeClient, UnknownObject } from "@nsmkit/kube";
import { type ControlPlane, freePort } from "../cluster/control-plane.ts";
import { type Bundle, isRoot } from "./support.ts";

interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly fieldRef?: { readonly fieldPath: string } };
}
interface PodSpec {
  readonly serviceAccountName?: string;
  readonly containers: readonly { readonly command?: readonly string[]; readonly env?: readonly Variable[] }[];
}

/** The kubelet's part: the service account's files where programs look, no rights, then the container's command. */
const start = `
mount -t tmpfs none /run && mkdir -p /run/secrets/kubernetes.io
cp -r "$1" /run/secrets/kubernetes.io/serviceaccount && chmod -R a+rX /run && shift
exec "$@"`;
const user = "setpriv --reuid=10001 --regid=10001 --clear-groups --bounding-set=-all --no-new-privs --".split(" ");

/** The first container of a Deployment's Pod as a process here, from the bundle, with its service account's rights. */
export class PodProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #folder: string;
  /** Of /healthz, /readyz and /metrics. */
  readonly port: number;
  log = "";

  private constructor(child: ChildProcess, folder: string, port: number) {
    this.#child = child;
    this.#folder = folder;
    this.port = port;
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.log += text;
    });
  }

  /** @param deployment as the API server has it */
  static async start(
    deployment: UnknownObject,
    options: { readonly plane: ControlPlane; readonly admin: KubeClient; readonly bundle: Bundle },
  ): Promise<PodProcess> {
    const { plane, admin, bundle } = options;
    const { namespace = "default", name = "" } = deployment.metadata;
    const pod = (deployment.spec as { template: { spec: PodSpec } }).template.spec;
    const [container] = pod.containers;
    const folder = await mkdtemp(join(tmpdir(), "nsmkit-pod-"));
    const token = await tokenOf(admin, namespace, pod.serviceAccountName ?? "default");
    const { ca = "" } = (await plane.config()).tls;
    const files = { token, namespace, "ca.crt": ca };
    for (const [file, text] of Object.entries(files)) await writeFile(join(folder, file), text);
    const fields: Readonly<Record<string, string>> = {
      "metadata.namespace": namespace,
      "metadata.name": `${name}-5d8f9-abcde`,
    };
    const given = (container?.env ?? []).map((variable): [string, string] => [
      variable.name,
      variable.value ?? fields[variable.valueFrom?.fieldRef?.fieldPath ?? ""] ?? "",
    ]);
    const { hostname, port } = new URL(plane.url);
    const probes = await freePort();
    await chmod(bundle.folder, 0o755);
    const child = spawn(
      "unshare",
      [
        ...(isRoot ? [] : ["--map-root-user"]),
        ...["--mount", "sh", "-ec", start, "sh", folder],
        ...(isRoot ? user : []),
        ...(container?.command ?? []),
      ],
      {
        env: {
          ...bundle.env,
          KUBERNETES_SERVICE_HOST: hostname,
          KUBERNETES_SERVICE_PORT: port,
          ...Object.fromEntries(given),
          // The machine's network is not the Pod's own.
          NSM_OPERATOR_LISTEN_ON: `127.0.0.1:${probes}`,
          NSM_OPERATOR_WEBHOOK_LISTEN_ON: `127.0.0.1:${await freePort()}`,
        },
        stdio: ["ignore", "ignore", "pipe"],
      },
    );
    return new PodProcess(child, folder, probes);
  }

  /** What the readiness probe is told when it is content. */
  async ready(): Promise<string> {
    const deadline = performance.now() + 30_000;
    let last = "no answer";
    while (performance.now() < deadline && this.#child.exitCode === null) {
      const answer = await fetch(`http://127.0.0.1:${this.port}/readyz`).catch(() => undefined);
      if (answer?.ok) {
        const text = (await answer.text()).trim();
        if (text === "leading") return text;
        last = text;
      } else last = (await answer?.text()) ?? last;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`the Pod is not ready (${last}):\n${this.log}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const gone = once(this.#child, "exit");
      this.#child.kill("SIGTERM");
      const late = setTimeout(() => this.#child.kill("SIGKILL"), 15_000);
      await gone;
      clearTimeout(late);
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** TokenRequest of authentication.k8s.io/v1. */
async function tokenOf(admin: KubeClient, namespace: string, account: string): Promise<string> {
  const plural = `namespaces/${namespace}/serviceaccounts/${account}/token`;
  const made = await admin.create({ group: "", version: "v1", kind: "TokenRequest", plural, namespaced: false }, {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    metadata: {},
    spec: { audiences: [], expirationSeconds: 3600 },
  } as UnknownObject);
  return (made.status as { token: string }).token;
}
