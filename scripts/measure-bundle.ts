// Start time and memory of programs from their sources and from the bundle, by turns; prints a table for docs/operator/install.md.
// usage: KUBEBUILDER_ASSETS=... node scripts/measure-bundle.ts [ROUNDS]
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { ControlPlane, controlPlaneMissing, freePort } from "../test/cluster/control-plane.ts";
import { Bundle } from "../test/packaging/support.ts";

const root = join(import.meta.dirname, "..");
const rounds = Number(process.argv[2] ?? 7);
const settleMs = 1_000;

interface Case {
  readonly name: string;
  /** What it logs when it does its work. */
  readonly ready: string;
  env(): Promise<Record<string, string>>;
}

interface Sample {
  readonly readyMs: number;
  readonly rssMiB: number;
}

async function sample({ name, ready, env }: Case, program: readonly string[], base: Record<string, string>) {
  const variables = { ...base, ...(await env()) };
  const started = performance.now();
  const [file = "", ...args] = program;
  const child = spawn(file, args, { env: variables, stdio: ["ignore", "ignore", "pipe"] });
  const exited = once(child, "exit");
  let log = "";
  const serving = new Promise<number>((resolve, reject) => {
    const lines = createInterface({ input: child.stderr });
    lines.on("line", (line) => {
      log += `${line}\n`;
      if (line.includes(`"msg":"${ready}"`)) resolve(performance.now() - started);
    });
    child.once("exit", () => reject(new Error(`${name} ended:\n${log}`)));
    setTimeout(() => reject(new Error(`${name} did not log ${ready}:\n${log}`)), 20_000).unref();
  });
  try {
    const readyMs = await serving;
    await sleep(settleMs);
    const [, kib = "0"] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, "utf8")) ?? [];
    return { readyMs, rssMiB: Number(kib) / 1024 } satisfies Sample;
  } finally {
    child.kill("SIGKILL");
    await exited;
  }
}

const middle = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
const spread = (values: readonly number[]): string =>
  `${middle(values).toFixed(0)} (${Math.min(...values).toFixed(0)}–${Math.max(...values).toFixed(0)})`;

const folder = await mkdtemp(join(tmpdir(), "nsmkit-measure-"));
await using bundle = await Bundle.make();
await using stack = new AsyncDisposableStack();
stack.defer(() => rm(folder, { recursive: true, force: true }));
const cases: Case[] = [
  { name: "nsm-registry", ready: "serving", env: async () => ({ NSM_LISTEN_ON: `unix://${folder}/registry.sock` }) },
  {
    name: "nsmgr",
    ready: "serving",
    env: async () => ({
      NSM_NAME: "nsmgr",
      NSM_LISTEN_ON: `unix://${folder}/nsmgr.sock`,
      NSM_REGISTRY_URL: `unix://${folder}/none`,
    }),
  },
];
if (controlPlaneMissing() === undefined) {
  const plane = stack.use(await ControlPlane.start());
  const kubeconfig = await plane.kubeconfig();
  cases.push({
    name: "nsm-operator",
    ready: "leading",
    env: async () => ({
      KUBECONFIG: kubeconfig,
      // One of its own each time: nobody waits for a Lease of somebody killed.
      OPERATOR_NAME: `nsm-operator-${Math.random().toString(36).slice(2, 8)}`,
      NSM_OPERATOR_LISTEN_ON: `127.0.0.1:${await freePort()}`,
      NSM_OPERATOR_WEBHOOK_LISTEN_ON: `127.0.0.1:${await freePort()}`,
      NODE_OPTIONS: "--max-semi-space-size=1 --max-old-space-size=96 --v8-pool-size=1",
    }),
  });
}

console.log(
  `| Program | Sources: ready, ms | Bundle: ready, ms | Sources: RSS, MiB | Bundle: RSS, MiB |\n|---|---|---|---|---|`,
);
for (const one of cases) {
  const [sources, bundled]: [Sample[], Sample[]] = [[], []];
  const env = { PATH: bundle.env.PATH ?? "" };
  const cached = { ...env, NODE_COMPILE_CACHE: join(root, "node_modules/.cache/nsmkit-compile") };
  // The first of the sources fills the compile cache, as it is on a machine where they ran before.
  for (let round = -1; round < rounds; round++) {
    const a = await sample(one, [process.execPath, join(root, "cmd", one.name, "src/main.ts")], cached);
    const b = await sample(one, [bundle.command(one.name)], env);
    if (round < 0) continue;
    sources.push(a);
    bundled.push(b);
  }
  const [aMs, bMs] = [sources, bundled].map((samples) => spread(samples.map(({ readyMs }) => readyMs)));
  const [aMiB, bMiB] = [sources, bundled].map((samples) => spread(samples.map(({ rssMiB }) => rssMiB)));
  console.log(`| ${one.name} | ${aMs} | ${bMs} | ${aMiB} | ${bMiB} |`);
}
