/**
 * cnf-crd with real servers: CNFConfigurations from the first apply to the last key in the agents' etcd. The same applies
 * are done first without any controller, which is what the API server takes alone. The controller is a process of its
 * own, with its webhook asked at every apply; the agents' etcd syncs its log to disk.
 *
 * Usage: node bench/cnf-crd.ts [--small] [--resources N] [--runs N] [--concurrency N] [--json]
 *   --resources    of 5 items each; default 1000
 *   --runs         default 3
 *   --concurrency  applies under way at a time; default 16
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { prefix, textOf } from "@nsmkit/agent/etcd";
import type { UnknownObject } from "@nsmkit/kube";
import { webhookConfigurations } from "@nsmkit/kube/admission";
import { build } from "esbuild";
import { type CnfConfigurationObject, cnfConfigurations } from "../cmd/cnf-crd/src/declared/resource.ts";
import { CnfCrdWorld, pause, ReportingAgent } from "../test/cluster/cnf-crd-world.ts";
import { ControlPlane, controlPlaneMissing, freePort } from "../test/cluster/control-plane.ts";
import { quantile, type Row, report, summary } from "./report.ts";

const { values: flags } = parseArgs({
  options: {
    small: { type: "boolean", default: false },
    resources: { type: "string" },
    runs: { type: "string" },
    concurrency: { type: "string", default: "16" },
    json: { type: "boolean", default: false },
  },
});
const resources = Number(flags.resources ?? (flags.small ? 100 : 1000));
const runs = Number(flags.runs ?? (flags.small ? 1 : 3));
const concurrency = Number(flags.concurrency);
const itemsEach = 5;

/** A small function in the manner of the examples: an endpoint, a client, NAT on both. */
function resource(i: number, run: string): CnfConfigurationObject {
  const item = (module: string, type: string, data: string): object => ({ module, type, data });
  const configItems = [
    item(
      "cnf.nsm",
      "endpoint",
      `network_service: s${i}\ninterface_name_prefix: in # from inside\ninterface_type: MEM_INTERFACE\nsingle_client: true\nipAddresses:\n  - 192.168.100.1/24\n`,
    ),
    item(
      "cnf.nsm",
      "client",
      `name: out\nnetwork_service: s${i}\noutgoing_labels:\n  - key: app\n    value: nat44\ninterface_name: memif1\ninterface_type: MEM_INTERFACE\nipAddresses: ["80.80.80.100/24"]\n`,
    ),
    item("vpp.nat", "nat44-interface", "name: memif1\nnat_outside: true\noutput_feature: true\n"),
    item("vpp.nat", "nat44-interface", `name: memif0\nnat_inside: ${run === "b"}\n`),
    item("vpp.nat", "nat44-pool", "first_ip: 80.80.80.100\nlast_ip: 80.80.80.105\n"),
  ];
  assert.equal(configItems.length, itemsEach);
  return {
    apiVersion: "pantheon.tech/v1",
    kind: "CNFConfiguration",
    metadata: { namespace: "default", name: `nat-${i}` },
    spec: { microservice: `nat-${i}`, configItems },
  };
}

/** Applies all, some at a time. @returns when each was begun, on the monotonic clock */
async function applyAll(world: CnfCrdWorld, run: string): Promise<number[]> {
  const begun: number[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < resources) {
      const i = next++;
      begun[i] = performance.now();
      await world.apply(resource(i, run) as UnknownObject);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return begun;
}

/** Tells when each resource's last key came. */
class Arrivals implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #counts = new Map<string, number>();
  readonly at = new Map<string, number>();

  constructor(world: CnfCrdWorld) {
    this.#running = this.#run(world);
  }

  async #run(world: CnfCrdWorld): Promise<void> {
    try {
      for await (const update of world.etcd.watch(prefix("/vnf-agent/"), { signal: this.#stop.signal })) {
        if (update.kind !== "events") continue;
        const now = performance.now();
        for (const { type, kv } of update.events) {
          const [, label = "", rest = ""] = /^\/vnf-agent\/([^/]+)\/(.*)$/.exec(textOf(kv.key) ?? "") ?? [];
          if (type !== "put" || !rest.startsWith("config/")) continue;
          const count = (this.#counts.get(label) ?? 0) + 1;
          this.#counts.set(label, count);
          if (count === itemsEach) this.at.set(label, now);
        }
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error;
    }
  }

  async all(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (this.at.size < resources) {
      assert.ok(performance.now() < deadline, `${this.at.size} of ${resources} arrived`);
      await pause(5);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }
}

class Program implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #port: number;

  private constructor(child: ChildProcess, folder: string, port: number) {
    this.#child = child;
    this.#folder = folder;
    this.#port = port;
  }

  static async start(world: CnfCrdWorld): Promise<Program> {
    const folder = await mkdtemp(join(tmpdir(), "nsmkit-bench-cnf-crd-"));
    const outfile = join(folder, "cnf-crd.mjs");
    await build({
      entryPoints: [join(import.meta.dirname, "../cmd/cnf-crd/src/main.ts")],
      ...{ bundle: true, platform: "node", format: "esm", target: "node24", outfile, logLevel: "error" },
      // A native module.
      external: ["koffi"],
      banner: { js: 'import{createRequire}from"node:module";const require=createRequire(import.meta.url);' },
    });
    await symlink(join(import.meta.dirname, "../node_modules"), join(folder, "node_modules"));
    await writeFile(join(folder, "etcd.conf"), `insecure-transport: true\nendpoints: ["${world.server.endpoint}"]\n`);
    const [port, webhook] = [await freePort(), await freePort()];
    const child = spawn(process.execPath, [outfile], {
      stdio: ["ignore", "inherit", "inherit"],
      env: {
        PATH: process.env.PATH,
        // As in deploy/cnf-crd.yaml.
        NODE_OPTIONS: "--max-semi-space-size=4",
        KUBE_CONFIG: await world.plane.kubeconfig(),
        ETCD_CONFIG: join(folder, "etcd.conf"),
        POD_NAMESPACE: "default",
        NSM_LOG_LEVEL: "ERROR",
        CNF_CRD_LISTEN_ON: `127.0.0.1:${port}`,
        CNF_CRD_WEBHOOK_LISTEN_ON: `127.0.0.1:${webhook}`,
        CNF_CRD_WEBHOOK_URL: `https://localhost:${webhook}/validate`,
      },
    });
    const program = new Program(child, folder, port);
    await world.until(
      () => program.text("/readyz").catch(() => ""),
      (text) => text.startsWith("leading"),
      30_000,
    );
    return program;
  }

  async text(path: string): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.#port}${path}`)).text();
  }

  async metric(name: string): Promise<number> {
    const lines = (await this.text("/metrics")).split("\n").filter((line) => line.startsWith(name));
    return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    if (this.#child.exitCode === null) await new Promise((resolve) => this.#child.once("exit", resolve));
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function clear(world: CnfCrdWorld): Promise<void> {
  const names = Array.from({ length: resources }, (_, i) => `nat-${i}`);
  while (names.length > 0) {
    await Promise.all(
      names.splice(0, 16).map((name) => world.admin.delete(cnfConfigurations, { namespace: "default", name })),
    );
  }
}

async function main(): Promise<void> {
  await using plane = await ControlPlane.start();
  await using world = await CnfCrdWorld.open(plane, { etcdFlags: ["--unsafe-no-fsync=false"] });
  const done = 'cnf_crd_etcd_transactions_total{result="done"}';
  const alone: number[] = [];
  const whole: number[] = [];
  const applied: number[] = [];
  const single: number[] = [];
  const quiet: number[] = [];
  const transactions: number[] = [];
  const changeWrites: number[] = [];
  const statuses: number[] = [];
  let memory = Number.NaN;
  let empty = Number.NaN;
  for (let run = 0; run < runs; run++) {
    // The definition must be there; what asks the webhook must not.
    if (run === 0) {
      await world.start();
      await world.asked();
      await world.stop();
    }
    const hooks = webhookConfigurations("ValidatingWebhookConfiguration");
    await world.admin.delete(hooks, { name: "cnf-crd.pantheon.tech" });
    await pause(1_500);
    const from = performance.now();
    await applyAll(world, "a");
    alone.push(performance.now() - from);
    await clear(world);
    await using program = await Program.start(world);
    await world.asked();
    await pause(500);
    const before = await program.metric(done);
    empty = (await program.metric("process_resident_memory_bytes")) / 2 ** 20;
    {
      await using arrivals = new Arrivals(world);
      await pause(50);
      const begun = await applyAll(world, "a");
      applied.push(performance.now() - (begun[0] ?? 0));
      await arrivals.all(60_000);
      whole.push(Math.max(...arrivals.at.values()) - (begun[0] ?? 0));
      for (const [i, ms] of begun.entries()) single.push((arrivals.at.get(`nat-${i}`) ?? Number.NaN) - ms);
    }
    assert.equal((await world.stored()).length, resources * itemsEach);
    await world.until(
      () => program.metric("cnf_crd_status_writes_total"),
      (count) => count >= resources,
      60_000,
    );
    await pause(2_000);
    transactions.push((await program.metric(done)) - before);
    statuses.push((await program.metric("cnf_crd_status_writes_total")) / resources);
    quiet.push(...(await oneByOne(world)));
    await pause(3_000);
    changeWrites.push(await changes(world, program));
    memory = (await program.metric("process_resident_memory_bytes")) / 2 ** 20;
    const removed = performance.now();
    await clear(world);
    await world.until(
      () => world.stored(),
      (found) => found.length === 0,
      60_000,
    );
    assert.ok(performance.now() - removed < 60_000);
  }
  const bench = "cnf-crd";
  const what = `${resources} resources of ${itemsEach} items`;
  const rows: Row[] = [
    { bench, what: `${what}, the API server alone`, ...summary(alone), unit: "ms" },
    { bench, what: `${what}, all applied`, ...summary(applied), unit: "ms" },
    {
      bench,
      what: `${what}, first apply -> last key in etcd`,
      ...summary(whole),
      unit: "ms",
      rival: { name: "API server alone", value: summary(alone).value },
      budget: "< 5000",
    },
    { bench, what: `apply -> in etcd, ${concurrency} at a time, median`, value: quantile(single, 0.5), unit: "ms" },
    { bench, what: `apply -> in etcd, ${concurrency} at a time, p99`, value: quantile(single, 0.99), unit: "ms" },
    { bench, what: "apply -> in etcd, one by one, median", value: quantile(quiet, 0.5), unit: "ms" },
    { bench, what: "apply -> in etcd, one by one, p99", value: quantile(quiet, 0.99), unit: "ms" },
    {
      bench,
      what: "etcd transactions per resource",
      value: Math.max(...transactions) / resources,
      unit: "txn",
      budget: "= 1",
    },
    {
      bench,
      what: "status writes per new resource, no agent",
      value: Math.max(...statuses),
      unit: "writes",
      budget: "<= 1",
    },
    {
      bench,
      what: "status writes per change, agent reports",
      value: Math.max(...changeWrites),
      unit: "writes",
      budget: "<= 1",
    },
    { bench, what: "resident memory without resources", value: empty, unit: "MiB" },
    { bench, what: "resident memory after all", value: memory, unit: "MiB" },
  ];
  report(rows, { json: flags.json });
}

/** Changes one resource after the other. @returns from the begin of each apply until its key is in etcd, ms */
async function oneByOne(world: CnfCrdWorld): Promise<number[]> {
  const ending = new AbortController();
  let seen: (at: number) => void = () => {};
  const watching = (async () => {
    for await (const update of world.etcd.watch(prefix("/vnf-agent/"), { signal: ending.signal })) {
      const isValue = ({ kv }: { kv: { key: Uint8Array } }): boolean =>
        /^\/vnf-agent\/[^/]+\/config\//.test(textOf(kv.key) ?? "");
      if (update.kind === "events" && update.events.some(isValue)) seen(performance.now());
    }
  })();
  await pause(100);
  const times: number[] = [];
  for (let i = 0; i < Math.min(200, resources); i++) {
    const arrived = new Promise<number>((resolve) => {
      seen = resolve;
    });
    const from = performance.now();
    await world.apply(resource(i, "b") as UnknownObject);
    times.push((await arrived) - from);
  }
  ending.abort();
  await watching;
  return times;
}

/** Changes some resources whose agents report. @returns status writes per change */
async function changes(world: CnfCrdWorld, program: Program): Promise<number> {
  const count = 20;
  const agents = Array.from({ length: count }, (_, i) => new ReportingAgent(world.server.endpoint, `nat-${i}`));
  try {
    for (let i = 0; i < count; i++) await world.wait(`nat-${i}`, "Ready", "True", 30_000);
    await pause(2_000);
    const before = await program.metric("cnf_crd_status_writes_total");
    for (let i = 0; i < count; i++) await world.apply(resource(i, "a") as UnknownObject);
    for (let i = 0; i < count; i++) await world.wait(`nat-${i}`, "Ready", "True", 30_000);
    await pause(3_000);
    return ((await program.metric("cnf_crd_status_writes_total")) - before) / count;
  } finally {
    for (const agent of agents) await agent.close();
  }
}

const missing = controlPlaneMissing();
if (missing) console.log(`cnf-crd: skipped, ${missing}`);
else await main();
