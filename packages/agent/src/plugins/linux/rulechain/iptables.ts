import { spawn } from "node:child_process";
import { CodedError, KeyedQueue, throwIfAborted } from "@nsmkit/core";
import type { OpenNamespace } from "../namespaces.ts";

/** Runs the iptables programs; a port, because tests have none. */
export interface Iptables {
  /**
   * Feeds `iptables-restore --noflush` in a namespace.
   * @throws CodedError UNSUPPORTED (not installed), INVALID_CONFIG (a rule is wrong; `details.line`), KERNEL
   */
  restore(namespace: OpenNamespace, v6: boolean, input: string, options: { signal?: AbortSignal }): Promise<void>;
  /** What `iptables-save` prints. */
  save(namespace: OpenNamespace, v6: boolean, options: { signal?: AbortSignal }): Promise<string>;
}

const maxOutput = 16 * 1024 * 1024;
const timeoutMs = 30_000;

export interface IptablesOptions {
  /** Environment of the programs; default a PATH of the usual places. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

const usualPath = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin";

/** The iptables of this machine, of whichever kind (nf_tables or legacy) it is. */
export function systemIptables({ environment = {} }: IptablesOptions = {}): Iptables {
  const env = { ...environment, PATH: environment.PATH ? `${environment.PATH}:${usualPath}` : usualPath, LC_ALL: "C" };
  // Two commits to one table at the same time make one of them start over, or wait for a lock file.
  const queue = new KeyedQueue<string>();
  const inTurn = (
    namespace: OpenNamespace,
    v6: boolean,
    work: () => Promise<string>,
    options: { signal?: AbortSignal },
  ) => queue.run(`${namespace.id}/${v6}`, work, options);
  return {
    async restore(namespace, v6, input, options) {
      const args = ["--noflush", "--wait", "5"];
      await inTurn(
        namespace,
        v6,
        () => run(env, namespace, `${v6 ? "ip6" : "ip"}tables-restore`, args, input, options),
        options,
      );
    },
    save: (namespace, v6, options) =>
      inTurn(namespace, v6, () => run(env, namespace, `${v6 ? "ip6" : "ip"}tables-save`, [], "", options), options),
  };
}

function run(
  env: NodeJS.ProcessEnv,
  namespace: OpenNamespace,
  tool: string,
  args: readonly string[],
  input: string,
  options: { signal?: AbortSignal },
): Promise<string> {
  throwIfAborted(options.signal, tool);
  // The namespace is entered through our open descriptor: it works also when the namespace has no name.
  const [command, argv] = namespace.own
    ? [tool, args]
    : ["nsenter", [`--net=/proc/${process.pid}/fd/${namespace.netns.fd}`, "--", tool, ...args]];
  return new Promise((resolve, reject) => {
    const child = spawn(command, argv, {
      env,
      stdio: "pipe",
      timeout: timeoutMs,
    });
    let out = "";
    let problems = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
      if (out.length > maxOutput) child.kill();
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      problems = (problems + text).slice(0, 4096);
    });
    child.on("error", (cause: NodeJS.ErrnoException) =>
      reject(cause.code === "ENOENT" ? notInstalled(command, cause) : failed(tool, cause.message, cause)),
    );
    child.on("close", (code, signal) => {
      if (code === 0 && out.length <= maxOutput) resolve(out);
      else reject(explain(tool, code, signal, problems));
    });
    // A program that ends early closes its input; its exit code says why.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });
}

function explain(tool: string, code: number | null, signal: NodeJS.Signals | null, problems: string): CodedError {
  if (/nsenter: failed to execute .*: No such file/.test(problems)) return notInstalled(tool);
  const lines = problems.split("\n").map((line) => line.trim());
  const text = lines
    .map((line) => line.replace(/^ip6?tables\S* v\S+ \(\w+\): ?/, ""))
    .filter((line) => line !== "" && !/^(Error occurred at|Try `)/.test(line))
    .join("; ");
  const at = /line:? (\d+)/.exec(problems)?.[1];
  const details = { exitCode: code, ...(at === undefined ? {} : { line: Number(at) }) };
  if (/Permission denied|Operation not permitted/.test(problems))
    return new CodedError("PERMISSION_DENIED", `${tool}: ${text}; it needs CAP_NET_ADMIN`, { details });
  // 2: iptables could not make sense of the input (PARAMETER_PROBLEM of xtables.h).
  if (code === 2) return new CodedError("INVALID_CONFIG", text, { details, retryable: false });
  return failed(tool, text || (signal ? `ended by ${signal}` : `exit code ${code}`), undefined, details);
}

function failed(tool: string, text: string, cause?: unknown, details: Record<string, unknown> = {}): CodedError {
  return new CodedError("KERNEL", `${tool}: ${text}`, { cause, details, retryable: true });
}

function notInstalled(program: string, cause?: unknown): CodedError {
  const tool = program === "nsenter" ? "nsenter" : program;
  const name = tool === "nsenter" ? "util-linux" : "iptables";
  return new CodedError(
    "UNSUPPORTED",
    `${tool} is not installed; install the package ${name} (apt-get install ${name})`,
    { cause, retryable: true },
  );
}
