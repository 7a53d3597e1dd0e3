/** Namespaces, agents and traffic for the tests of the Linux agent. Everything made here is gone after `close`. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf } from "@nsmkit/core";
import { type Handle, type Netlink, type Netns, openNetlink } from "@nsmkit/netlink";

const root = join(import.meta.dirname, "../..");

/** Why the suite cannot run here, or false. */
export async function cannotRun(): Promise<string | false> {
  try {
    await using netlink = await openNetlink();
    await using netns = await netlink.namespaces.create();
    await using handle = netlink.handle(netns);
    await handle.linkAdd({ kind: "veth", name: "a", peer: { name: "b" } });
    const [code] = await once(
      spawn("nsenter", ["--net=/proc/self/ns/net", "iptables", "--version"], { stdio: "ignore" }),
      "exit",
    );
    return code === 0 ? false : "needs nsenter and iptables";
  } catch (error) {
    return `needs network namespaces, veth, nsenter and iptables: ${messageOf(error)}`;
  }
}

/** A network namespace with a handle in it. */
export class Pod {
  readonly netns: Netns;
  readonly handle: Handle;

  constructor(netns: Netns, handle: Handle) {
    this.netns = netns;
    this.handle = handle;
  }

  /** A path of the namespace that other processes can use. */
  get path(): string {
    return `/proc/${process.pid}/fd/${this.netns.fd}`;
  }

  spawn(argv: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
    return spawn("nsenter", [`--net=${this.path}`, "--", ...argv], {
      env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: join(root, "node_modules/.cache/nsmkit-compile"), ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  async addresses(link: string): Promise<string[]> {
    const addresses = await this.handle.addrList({ link }).catch(() => []);
    return addresses
      .filter(({ scope }) => scope !== "link")
      .map(({ address }) => address)
      .sort();
  }
}

export class World implements AsyncDisposable {
  readonly netlink: Netlink;
  readonly directory = mkdtempSync(join(tmpdir(), "nsm-agent-"));
  readonly #stack = new AsyncDisposableStack();

  private constructor(netlink: Netlink) {
    this.netlink = netlink;
    this.#stack.use(netlink);
    this.#stack.defer(() => rmSync(this.directory, { recursive: true, force: true }));
  }

  static async open(): Promise<World> {
    return new World(await openNetlink());
  }

  use<T extends AsyncDisposable>(resource: T): T {
    return this.#stack.use(resource);
  }

  defer(undo: () => void | Promise<void>): void {
    this.#stack.defer(undo);
  }

  async pod(): Promise<Pod> {
    const netns = this.use(await this.netlink.namespaces.create());
    const handle = this.use(this.netlink.handle(netns));
    await handle.linkSet("lo", { up: true });
    return new Pod(netns, handle);
  }

  /** An agent in a Pod, which reads `<name>.yaml` of its folder; killed in the end. */
  async agent(pod: Pod, name: string, yaml: string, env: Readonly<Record<string, string>> = {}): Promise<Agent> {
    const agent = new Agent(this.directory, pod, name, env);
    await agent.declare(yaml);
    await writeFile(agent.file("http.conf"), `endpoint: unix:${agent.socket}\n`);
    await writeFile(agent.file("filedb.conf"), `configuration-paths: [${agent.declaration}]\n`);
    this.#stack.defer(() => agent.kill());
    await agent.start();
    return agent;
  }

  /** One of our programs in a Pod; killed in the end. Resolves when it serves. */
  async program(pod: Pod, name: string, env: Readonly<Record<string, string>>): Promise<Program> {
    const program = new Program(name, () => pod.spawn([process.execPath, join(root, "cmd", name, "src/main.ts")], env));
    this.#stack.defer(() => program.kill());
    await program.start();
    return program;
  }

  /** Runs a script of JavaScript in a Pod. @returns its first line of output */
  async script(pod: Pod, code: string): Promise<{ line: Promise<string>; child: ChildProcess }> {
    const child = pod.spawn([process.execPath, "-e", code]);
    this.#stack.defer(() => void child.kill("SIGKILL"));
    let text = "";
    const line = new Promise<string>((resolve) => {
      child.stdout?.on("data", (chunk: Buffer) => {
        text += chunk.toString();
        if (text.includes("\n")) resolve(text.slice(0, text.indexOf("\n")));
      });
      child.on("close", () => resolve(text.trim()));
    });
    return { line, child };
  }

  /** A TCP server that tells each client the client's address. */
  async server(pod: Pod, port = 80): Promise<void> {
    const code = `require("net").createServer((s)=>{s.on("error",()=>{});s.end(s.remoteAddress+"\\n")}).listen(${port},"0.0.0.0",()=>console.log("ready"))`;
    await (await this.script(pod, code)).line;
  }

  /** What a server says to a client in this Pod, or the error. */
  async ask(pod: Pod, address: string, port = 80): Promise<string> {
    const code = `const s=require("net").connect({host:"${address}",port:${port},timeout:2000});let t="";s.on("data",d=>t+=d);s.on("end",()=>{console.log(t.trim());process.exit()});s.on("timeout",()=>{console.log("timeout");process.exit()});s.on("error",e=>{console.log(e.code);process.exit()})`;
    return (await this.script(pod, code)).line;
  }

  async close(): Promise<void> {
    await this.#stack.disposeAsync();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

interface LogLine {
  readonly msg?: string;
  readonly [field: string]: unknown;
}

/** A process that logs JSON to standard error. */
export class Program {
  readonly name: string;
  readonly #spawn: () => ChildProcess;
  #child: ChildProcess | undefined;
  lines: LogLine[] = [];
  text = "";

  constructor(name: string, start: () => ChildProcess) {
    this.name = name;
    this.#spawn = start;
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves when it serves. @throws with everything it logged when it ends instead */
  async start(): Promise<void> {
    this.lines = [];
    this.text = "";
    const child = this.#spawn();
    this.#child = child;
    let rest = "";
    child.stderr?.on("data", (chunk: Buffer) => {
      rest += chunk.toString();
      const lines = rest.split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#read(line);
    });
    await until(() => this.logged("serving") || !this.running, `${this.name} serves`, 15_000);
    if (!this.running) throw new Error(`${this.name} ended:\n${this.all()}`);
  }

  logged(message: string): boolean {
    return this.lines.some(({ msg }) => msg === message);
  }

  all(): string {
    return `${this.text}${this.lines.map((line) => JSON.stringify(line)).join("\n")}`;
  }

  /** @returns the exit code, or the signal that ended it */
  async end(signal: NodeJS.Signals): Promise<number | string | null> {
    const child = this.#child;
    if (!child || !this.running) return child?.exitCode ?? null;
    const gone = once(child, "exit");
    child.kill(signal);
    const [code, by] = await gone;
    return code ?? by;
  }

  async kill(): Promise<void> {
    await this.end("SIGKILL");
  }

  #read(line: string): void {
    try {
      this.lines.push(JSON.parse(line));
    } catch {
      this.text += `${line}\n`;
    }
  }
}

/** nsm-agent-linux in a Pod. */
export class Agent extends Program {
  readonly pod: Pod;
  readonly #directory: string;

  constructor(directory: string, pod: Pod, name: string, env: Readonly<Record<string, string>>) {
    const all = {
      MICROSERVICE_LABEL: name,
      CONFIG_DIR: directory,
      HTTP_CONFIG: `${name}.http.conf`,
      FILEDB_CONFIG: `${name}.filedb.conf`,
      NSM_NAME: name,
      ...env,
    };
    super(name, () => pod.spawn([process.execPath, join(root, "cmd/nsm-agent-linux/src/main.ts")], all));
    this.pod = pod;
    this.#directory = directory;
  }

  file(suffix: string): string {
    return join(this.#directory, `${this.name}.${suffix}`);
  }
  get socket(): string {
    return this.file("sock");
  }
  get declaration(): string {
    return this.file("yaml");
  }

  /** Writes the declaration, as an editor does that means well. */
  async declare(yaml: string): Promise<void> {
    await writeFile(this.file("new"), yaml);
    await rename(this.file("new"), this.declaration);
  }

  async http<T = unknown>(method: string, path: string, body = ""): Promise<{ status: number; json: T }> {
    return new Promise((resolve, reject) => {
      const call = request({ socketPath: this.socket, method, path }, (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => (text += chunk));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, json: parse(text) as T }));
      });
      call.on("error", reject);
      call.end(body);
    });
  }

  /** Values that are declared, and those of them that are not in place, with the reason. */
  async values(): Promise<{ count: number; missing: string[] }> {
    const { json } = await this.http<Status[]>("GET", "/scheduler/status?key-prefix=config/");
    const missing = json
      .flatMap(({ value, derived_values = [] }) => [value, ...derived_values])
      .filter(({ state }) => state !== "CONFIGURED")
      .map(({ key, state, error, details }) => `${key} ${state} ${error ?? details?.join(", ") ?? ""}`);
    return { count: json.length, missing };
  }

  /** Waits until everything that is declared is in place. */
  async configured(count: number, timeoutMs = 10_000): Promise<void> {
    let seen = "";
    await until(
      async () => {
        const values = await this.values().catch((error: unknown) => ({ count: 0, missing: [messageOf(error)] }));
        seen = `${values.count} values, not in place: ${values.missing.join("; ")}`;
        return values.missing.length === 0 && values.count === count;
      },
      () => `${this.name} has ${count} values in place: ${seen}\n${this.all()}`,
      timeoutMs,
    );
  }

  /** The error or the reason for waiting of one value. */
  async trouble(key: string): Promise<string> {
    const { json } = await this.http<Status>("GET", `/scheduler/status?key=${encodeURIComponent(key)}`);
    const { state, error, details } = json.value;
    return `${state} ${error ?? details?.join(", ") ?? ""}`;
  }

  async resync(): Promise<void> {
    await this.http("POST", "/scheduler/downstream-resync");
  }
}

interface Status {
  readonly value: ValueStatus;
  readonly derived_values?: readonly ValueStatus[];
}
interface ValueStatus {
  readonly key: string;
  readonly state: string;
  readonly error?: string;
  readonly details?: readonly string[];
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export async function until(
  what: () => boolean | Promise<boolean>,
  title: string | (() => string),
  timeoutMs = 5_000,
): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await what())) {
    if (performance.now() > end) throw new Error(`still not: ${typeof title === "string" ? title : title()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
