/** The parts of a kubeconfig file (client-go, tools/clientcmd/api/v1) that say where a server is and who we are there. */

export interface Kubeconfig {
  readonly currentContext: string;
  readonly clusters: readonly { readonly name: string; readonly cluster: ClusterEntry }[];
  readonly contexts: readonly { readonly name: string; readonly context: ContextEntry }[];
  readonly users: readonly { readonly name: string; readonly user: UserEntry }[];
}

export interface ClusterEntry {
  readonly server: string;
  readonly ca: string | undefined;
  /** Base64. */
  readonly caData: string | undefined;
  readonly insecure: boolean;
  readonly serverName: string | undefined;
}

export interface ContextEntry {
  readonly cluster: string;
  readonly user: string;
  readonly namespace: string | undefined;
}

export interface UserEntry {
  readonly token?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly cert?: string | undefined;
  /** Base64. */
  readonly certData?: string | undefined;
  readonly key?: string | undefined;
  /** Base64. */
  readonly keyData?: string | undefined;
  readonly exec?: ExecEntry | undefined;
}

export interface ExecEntry {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly apiVersion: string;
}

type Json = Readonly<Record<string, unknown>>;

/** @throws Error that names the first wrong field; what nobody here reads is let through, as kubectl does */
export function parseKubeconfig(document: unknown): Kubeconfig {
  const top = mapAt(document, "the file");
  return {
    currentContext: textAt(top, "current-context", "") ?? "",
    clusters: listAt(top, "clusters", "").map((one, i) => {
      const at = `clusters[${i}]`;
      const cluster = mapAt(mapAt(one, at).cluster, `${at}.cluster`);
      const read = (key: string): string | undefined => textAt(cluster, key, `${at}.cluster`);
      return {
        name: needed(mapAt(one, at), "name", at),
        cluster: {
          server: needed(cluster, "server", `${at}.cluster`),
          ca: read("certificate-authority"),
          caData: read("certificate-authority-data"),
          insecure: booleanAt(cluster, "insecure-skip-tls-verify", `${at}.cluster`),
          serverName: read("tls-server-name"),
        },
      };
    }),
    contexts: listAt(top, "contexts", "").map((one, i) => {
      const at = `contexts[${i}]`;
      const context = mapAt(mapAt(one, at).context, `${at}.context`);
      return {
        name: needed(mapAt(one, at), "name", at),
        context: {
          cluster: needed(context, "cluster", `${at}.context`),
          user: textAt(context, "user", `${at}.context`) ?? "",
          namespace: textAt(context, "namespace", `${at}.context`),
        },
      };
    }),
    users: listAt(top, "users", "").map((one, i) => {
      const at = `users[${i}]`;
      return { name: needed(mapAt(one, at), "name", at), user: userOf(mapAt(one, at).user, `${at}.user`) };
    }),
  };
}

function userOf(value: unknown, at: string): UserEntry {
  if (value === undefined || value === null) return {};
  const user = mapAt(value, at);
  const read = (key: string): string | undefined => textAt(user, key, at);
  return {
    token: read("token"),
    tokenFile: read("tokenFile"),
    username: read("username"),
    password: read("password"),
    cert: read("client-certificate"),
    certData: read("client-certificate-data"),
    key: read("client-key"),
    keyData: read("client-key-data"),
    exec:
      user.exec === undefined || user.exec === null ? undefined : execOf(mapAt(user.exec, `${at}.exec`), `${at}.exec`),
  };
}

function execOf(exec: Json, at: string): ExecEntry {
  return {
    command: needed(exec, "command", at),
    apiVersion: needed(exec, "apiVersion", at),
    args: listAt(exec, "args", at).map((one, i) => {
      if (typeof one !== "string") throw new Error(`${at}.args[${i}] is no text`);
      return one;
    }),
    env: listAt(exec, "env", at).map((one, i) => {
      const variable = mapAt(one, `${at}.env[${i}]`);
      return { name: needed(variable, "name", `${at}.env[${i}]`), value: needed(variable, "value", `${at}.env[${i}]`) };
    }),
  };
}

function mapAt(value: unknown, at: string): Json {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  throw new Error(`${at} is no map`);
}

function listAt(map: Json, key: string, at: string): readonly unknown[] {
  const value = map[key] ?? [];
  if (Array.isArray(value)) return value as readonly unknown[];
  throw new Error(`${pathOf(at, key)} is no list`);
}

function textAt(map: Json, key: string, at: string): string | undefined {
  const value = map[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string") return value;
  throw new Error(`${pathOf(at, key)} is no text`);
}

function booleanAt(map: Json, key: string, at: string): boolean {
  const value = map[key] ?? false;
  if (typeof value === "boolean") return value;
  throw new Error(`${pathOf(at, key)} is neither true nor false`);
}

function needed(map: Json, key: string, at: string): string {
  const value = textAt(map, key, at);
  if (value === undefined) throw new Error(`${pathOf(at, key)} is missing`);
  return value;
}

const pathOf = (at: string, key: string): string => (at === "" ? key : `${at}.${key}`);
