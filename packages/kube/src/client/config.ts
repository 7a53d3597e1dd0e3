/** Where the API server is and who we are there: kubeconfig files and the service account of a Pod. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { promisify } from "node:util";
import { type Clock, CodedError, messageOf, systemClock } from "@nsmkit/core";
import { parse } from "yaml";
import { type ExecEntry, type Kubeconfig, parseKubeconfig } from "./kubeconfig-document.ts";

export interface ClientTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly insecureSkipVerify: boolean;
  readonly serverName?: string;
}

export interface ClusterConfig {
  /** Base URL, "https://10.0.0.1:6443". */
  readonly server: string;
  readonly tls: ClientTls;
  /** Namespace of the context, or of the Pod. */
  readonly namespace: string;
  /** The Authorization header, made anew when a token file or credential plugin says so; undefined for certificates alone. */
  readonly authorization: () => Promise<string | undefined>;
}

/** Service account tokens are rotated on disk about hourly; client-go re-reads them every minute. */
const tokenFileMs = 60_000;

function wrong(file: string, what: string, remedy: string, cause?: unknown): CodedError {
  return new CodedError(
    "INVALID_CONFIG",
    `kubeconfig ${file}: ${what}; ${remedy}`,
    cause === undefined ? {} : { cause },
  );
}

function tokenOf(file: string, clock: Clock): () => Promise<string> {
  let read: { header: string; atMs: number } | undefined;
  return async () => {
    if (!read || clock.monotonic() - read.atMs > tokenFileMs) {
      try {
        read = { header: `Bearer ${(await readFile(file, "utf8")).trim()}`, atMs: clock.monotonic() };
      } catch (cause) {
        // A rotation may be under way; the old token is good for a while yet.
        if (!read) throw new CodedError("UNAUTHENTICATED", `service account token ${file} cannot be read`, { cause });
      }
    }
    return read.header;
  };
}

/** client-go credential plugins (client.authentication.k8s.io ExecCredential). */
function pluginToken(
  file: string,
  exec: ExecEntry,
  env: Readonly<Record<string, string | undefined>>,
  clock: Clock,
): () => Promise<string | undefined> {
  let held: { header: string | undefined; untilMs: number } | undefined;
  return async () => {
    if (held && clock.now() < held.untilMs) return held.header;
    const info = JSON.stringify({ apiVersion: exec.apiVersion, kind: "ExecCredential", spec: { interactive: false } });
    const own = Object.fromEntries(exec.env.map(({ name, value }) => [name, value]));
    try {
      const { stdout } = await promisify(execFile)(exec.command, exec.args, {
        env: { ...env, ...own, KUBERNETES_EXEC_INFO: info },
        timeout: 60_000,
      });
      const { status } = JSON.parse(stdout) as { status: { token?: unknown; expirationTimestamp?: unknown } };
      const { token, expirationTimestamp: until } = status;
      if (token !== undefined && typeof token !== "string") throw new TypeError("the token is no text");
      const untilMs = typeof until === "string" ? Date.parse(until) - 10_000 : Number.POSITIVE_INFINITY;
      held = { header: token === undefined ? undefined : `Bearer ${token}`, untilMs };
      return held.header;
    } catch (cause) {
      // The plugin's output may hold a credential: it stays out of the message.
      throw wrong(file, `credential plugin ${exec.command} failed`, "run it by hand to see why", cause);
    }
  };
}

/**
 * Reads a kubeconfig file.
 * @param options.context default: its current-context
 * @param options.env environment of credential plugins
 */
export async function loadKubeconfig(
  file: string,
  options: { context?: string; env?: Readonly<Record<string, string | undefined>>; clock?: Clock } = {},
): Promise<ClusterConfig> {
  const clock = options.clock ?? systemClock;
  let source: string;
  try {
    source = await readFile(file, "utf8");
  } catch (cause) {
    throw new CodedError("NOT_FOUND", `kubeconfig ${file} cannot be read`, { cause });
  }
  let config: Kubeconfig;
  try {
    config = parseKubeconfig(parse(source));
  } catch (cause) {
    throw wrong(
      file,
      `it is no kubeconfig (${messageOf(cause).split("\n")[0]})`,
      "write one with 'kubectl config view --raw'",
    );
  }
  const name = options.context ?? config.currentContext;
  const context = config.contexts.find((c) => c.name === name)?.context;
  if (!context) {
    const names = config.contexts.map((c) => c.name).join(", ") || "none";
    throw wrong(file, `there is no context ${JSON.stringify(name)}`, `choose one of: ${names}`);
  }
  const cluster = config.clusters.find((c) => c.name === context.cluster)?.cluster;
  if (!cluster)
    throw wrong(file, `context ${name} names cluster ${context.cluster}, which is not there`, "add it to clusters");
  const user = config.users.find((u) => u.name === context.user)?.user ?? {};
  const pem = async (path: string | undefined, data: string | undefined): Promise<string | undefined> =>
    data !== undefined
      ? Buffer.from(data, "base64").toString("utf8")
      : path === undefined
        ? undefined
        : readFile(resolve(dirname(file), path), "utf8");
  const ca = await pem(cluster.ca, cluster.caData);
  const cert = await pem(user.cert, user.certData);
  const key = await pem(user.key, user.keyData);
  const basic =
    user.username === undefined ? undefined : Buffer.from(`${user.username}:${user.password ?? ""}`).toString("base64");
  const fixed = user.token ? `Bearer ${user.token}` : basic ? `Basic ${basic}` : undefined;
  return {
    server: cluster.server.replace(/\/+$/, ""),
    tls: {
      insecureSkipVerify: cluster.insecure,
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(cluster.serverName === undefined ? {} : { serverName: cluster.serverName }),
    },
    namespace: context.namespace ?? "default",
    authorization: user.exec
      ? pluginToken(file, user.exec, options.env ?? {}, clock)
      : user.tokenFile
        ? tokenOf(resolve(dirname(file), user.tokenFile), clock)
        : async () => fixed,
  };
}

/** Where Kubernetes mounts a Pod's service account. */
const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * The cluster that this Pod runs in.
 * @param env KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT
 * @throws FAILED_PRECONDITION outside a cluster
 */
export async function inClusterConfig(
  env: Readonly<Record<string, string | undefined>>,
  options: { folder?: string; clock?: Clock } = {},
): Promise<ClusterConfig> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  const folder = options.folder ?? serviceAccount;
  if (!host || !port) {
    throw new CodedError(
      "FAILED_PRECONDITION",
      "not in a cluster: KUBERNETES_SERVICE_HOST and _PORT are not set; give a kubeconfig",
    );
  }
  const authority = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  try {
    const ca = await readFile(`${folder}/ca.crt`, "utf8");
    const namespace = await readFile(`${folder}/namespace`, "utf8").catch(() => "default");
    return {
      server: `https://${authority}`,
      tls: { ca, insecureSkipVerify: false },
      namespace: namespace.trim() || "default",
      authorization: tokenOf(`${folder}/token`, options.clock ?? systemClock),
    };
  } catch (cause) {
    throw new CodedError("FAILED_PRECONDITION", `no service account in ${folder}; set serviceAccountName on the Pod`, {
      cause,
    });
  }
}
