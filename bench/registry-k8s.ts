/**
 * The registry over Kubernetes objects: nsm-registry, and in the same run upstream's cmd-registry-k8s where it is built
 * (test/cluster/upstream.ts), on one real API server, with identities and over TCP. Rates of one client with some calls
 * in flight, spread over the replicas; requests are those that the API server counted for the two kinds of object.
 *
 * Usage: node bench/registry-k8s.ts [--endpoints N] [--replicas 1,3] [--in-flight N] [--memory N] [--small] [--json]
 *   --endpoints  registered, renewed, found and unregistered; default 200
 *   --replicas   numbers of replicas to try; default 1,3
 *   --in-flight  concurrent calls; default 16
 *   --memory     endpoints there are when memory is looked at; default 2000, 0 leaves it out
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type NetworkServiceEndpoint, NetworkServiceEndpointSchema } from "@nsmkit/api/registry";
import { Context } from "@nsmkit/sdk/chain";
import { spiffeIdentity } from "@nsmkit/sdk/identity";
import { connectRegistry, nseRules, type Registry } from "@nsmkit/sdk/registry";
import { createTestCa, fakeWorkloadApi } from "@nsmkit/sdk/testing";
import { dial } from "@nsmkit/sdk/transport";
import { build } from "esbuild";
import { controlPlaneMissing, freePort } from "../test/cluster/control-plane.ts";
import { NsmkitMesh, namespace } from "../test/cluster/nsmkit-mesh.ts";
import { upstreamMissing, upstreamProgram } from "../test/cluster/upstream.ts";
import { quantile, type Row, report } from "./report.ts";

const { values: flags } = parseArgs({
  options: {
    endpoints: { type: "string", default: "200" },
    replicas: { type: "string", default: "1,3" },
    "in-flight": { type: "string", default: "16" },
    memory: { type: "string", default: "5000" },
    small: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
const count = flags.small ? 50 : Number(flags.endpoints);
const inFlight = Number(flags["in-flight"]);
const services = 10;
const makes = ["ours", "upstream"] as const;
type Make = (typeof makes)[number];

const missing = controlPlaneMissing();
if (missing) console.log(`registry-k8s: skipped, ${missing}`);
else await main();

interface Replica {
  readonly pid: number;
  readonly registry: Registry;
}

interface Measured {
  readonly perSecond: number;
  readonly p99Ms: number;
  readonly requestsPerCall: number;
}

async function main(): Promise<void> {
  const noRival = upstreamMissing("cmd-registry-k8s");
  if (noRival) console.log(`without the rival: ${noRival}`);
  const tried = makes.filter((make) => make === "ours" || !noRival);
  const folder = await mkdtemp(join(tmpdir(), "nsmkit-bench-registry-"));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const program = await bundled(folder);
  const mesh = stack.use(await NsmkitMesh.start());
  const rows: Row[] = [];
  for (const replicas of flags.small ? [1] : flags.replicas.split(",").map(Number)) {
    const measured = new Map<Make, Map<string, Measured>>();
    for (const make of tried) {
      console.error(`${make}, ${replicas} replica(s)`);
      await using world = await start(mesh, make, replicas, { program, folder });
      measured.set(make, await operations(mesh, world.replicas));
    }
    const rival = measured.get("upstream");
    for (const [what, { perSecond, p99Ms, requestsPerCall }] of measured.get("ours") ?? []) {
      const other = rival?.get(what);
      const named = (value: number | undefined) => (value === undefined ? {} : { rival: { name: "upstream", value } });
      const row = (text: string, value: number, unit: string, theirs: number | undefined): Row => ({
        ...{ bench: "registry-k8s", what: `${what}, ${replicas} replica(s)${text}`, value, unit },
        ...named(theirs),
      });
      rows.push(row("", perSecond, "1/s", other?.perSecond), row(", p99", p99Ms, "ms", other?.p99Ms));
      rows.push(row(", API requests per call", requestsPerCall, "requests", other?.requestsPerCall));
    }
  }
  const many = flags.small ? 0 : Number(flags.memory);
  if (many > 0) {
    const memory = new Map<Make, number>();
    for (const make of tried) {
      await using world = await start(mesh, make, 1, { program, folder });
      memory.set(make, await memoryOf(world.replicas[0] as Replica, many));
    }
    const theirs = memory.get("upstream");
    rows.push({
      ...{ bench: "registry-k8s", what: `RSS with ${many} endpoints`, value: memory.get("ours") ?? 0, unit: "MiB" },
      ...(theirs !== undefined && { rival: { name: "upstream", value: theirs } }),
      budget: "<= 260",
    });
  }
  report(rows, { json: flags.json });
}

/** One JavaScript file, as an image has it. */
async function bundled(folder: string): Promise<string> {
  const outfile = join(folder, "nsm-registry.mjs");
  // What is not part of the bundle is found where this repository has it.
  await symlink(join(import.meta.dirname, "../node_modules"), join(folder, "node_modules"));
  await build({
    external: ["koffi"],
    entryPoints: [join(import.meta.dirname, "../cmd/nsm-registry/src/main.ts")],
    ...{ bundle: true, minify: true, platform: "node", format: "esm", target: "node22", outfile, logLevel: "error" },
    banner: { js: 'import{createRequire}from"node:module";const require=createRequire(import.meta.url);' },
  });
  return outfile;
}

/** Replicas of one make, each with an identity of its own. */
async function start(
  mesh: NsmkitMesh,
  make: Make,
  replicas: number,
  { program, folder }: { readonly program: string; readonly folder: string },
): Promise<AsyncDisposable & { readonly replicas: readonly Replica[] }> {
  await using opened = new AsyncDisposableStack();
  const ca = await createTestCa();
  const identity = opened.use(await spiffeIdentity({ source: ca.source({ path: "/client" }) }));
  const { NODE_OPTIONS } = mesh.environment(mesh.pod("Deployment", "registry-k8s"));
  // Upstream's needs more rights than the registry of our own mesh is given.
  const kubeconfig = make === "ours" ? await mesh.kubeconfig("registry-k8s-sa") : await mesh.plane.kubeconfig();
  const started: Replica[] = [];
  for (let at = 0; at < replicas; at++) {
    const agent = opened.use(await fakeWorkloadApi(`unix://${folder}/${make}-${at}.sock`));
    agent.rotate(await ca.svid({ path: `/registry-${at}` }));
    const url = `tcp://127.0.0.1:${await freePort()}`;
    const [command = "", ...args] =
      make === "ours" ? [process.execPath, program] : [upstreamProgram("cmd-registry-k8s") ?? ""];
    const child: ChildProcess = spawn(command, args, {
      cwd: folder,
      env: {
        PATH: process.env.PATH,
        NODE_OPTIONS,
        KUBECONFIG: kubeconfig,
        NSM_REGISTRY_STORE: "k8s",
        NSM_NAMESPACE: namespace,
        NSM_LISTEN_ON: url,
        NSM_LOG_LEVEL: "ERROR",
        // Nothing shall expire in the midst of a measurement on a busy machine.
        NSM_EXPIRE_PERIOD: "10m",
        // Upstream throttles itself to 205 requests a second; what it can do is measured here.
        ...(make === "upstream" && { NSM_KUBELET_QPS: "100000" }),
        SPIFFE_ENDPOINT_SOCKET: agent.endpoint,
      },
      stdio: ["ignore", "ignore", "ignore"],
    });
    opened.defer(async () => {
      if (child.exitCode === null && child.kill("SIGKILL")) await once(child, "exit");
    });
    const channel = opened.use(dial(url, { identity, dialTimeoutMs: 5_000 }));
    const registry = connectRegistry({ channel, identity, dialTimeoutMs: 5_000 });
    await until(async () => (await find(registry, {})) !== undefined);
    started.push({ pid: child.pid ?? 0, registry });
  }
  const running = opened.move();
  return { replicas: started, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

function context(): Context {
  return new Context({ signal: AbortSignal.timeout(30_000) });
}

async function find(
  registry: Registry,
  pattern: MessageInitShape<typeof NetworkServiceEndpointSchema>,
): Promise<number> {
  let found = 0;
  const query = nseRules.query(create(NetworkServiceEndpointSchema, pattern), false);
  for await (const _ of registry.endpoints.find(context(), query)) found++;
  return found;
}

/** As an nsmgr sends it: with the end that it grants. */
function entry(at: number, leaseMs: number, first?: NetworkServiceEndpoint): NetworkServiceEndpoint {
  const service = `service-${at % services}`;
  return create(NetworkServiceEndpointSchema, {
    name: `endpoint-${at}`,
    url: "tcp://10.0.0.9:5001",
    networkServiceNames: [service],
    networkServiceLabels: { [service]: { labels: { app: "web", nodeName: "node-1" } } },
    expirationTime: timestampFromMs(Date.now() + leaseMs),
    ...(first?.initialRegistrationTime && { initialRegistrationTime: first.initialRegistrationTime }),
  });
}

async function operations(mesh: NsmkitMesh, replicas: readonly Replica[]): Promise<Map<string, Measured>> {
  const figures = new Map<string, Measured>();
  const at = (index: number): Registry => (replicas[index % replicas.length] as Replica).registry;
  const made: NetworkServiceEndpoint[] = [];
  const put = async (index: number, leaseMs: number): Promise<void> => {
    const reply = await at(index).endpoints.request(context(), entry(index, leaseMs, made[index]));
    assert.equal(reply.name, `endpoint-${index}`);
    made[index] = reply;
  };
  const measure = async (what: string, calls: number, call: (index: number) => Promise<void>): Promise<void> => {
    const before = await requests(mesh);
    const measured = await timed(calls, call);
    console.error(`  ${what}: ${Math.round(measured.perSecond)}/s`);
    figures.set(what, { ...measured, requestsPerCall: ((await requests(mesh)) - before) / calls });
  };
  await timed(30, (index) => put(count + index, 300_000));
  await Promise.all(
    Array.from({ length: 30 }, (_, index) => at(index).endpoints.close(context(), entry(count + index, 0))),
  );
  made.length = 0;

  // A lease that is half over when it is renewed, as every endpoint does; then one that is fresh, as all endpoints do
  // at once when a registry, or the way to it, was away for a moment.
  await measure("register", count, (index) => put(index, 200_000));
  for (const { registry } of replicas) await until(async () => (await find(registry, {})) === count);
  await measure("renew when due", count, (index) => put(index, 570_000));
  await measure("renew at once", count, (index) => put(index, 575_000));
  for (const { registry } of replicas)
    await until(async () => (await find(registry, { networkServiceNames: ["service-3"] })) === count / services);
  const finds = Math.min(count, 100);
  await measure("find by name", finds, async (index) => {
    assert.equal(await find(at(index), { name: `endpoint-${index}` }), 1);
  });
  await measure("find by service", finds, async (index) => {
    assert.equal(await find(at(index), { networkServiceNames: [`service-${index % services}`] }), count / services);
  });
  await measure("unregister", count, (index) => at(index).endpoints.close(context(), entry(index, 0)));
  for (const { registry } of replicas) await until(async () => (await find(registry, {})) === 0);
  return figures;
}

async function timed(
  calls: number,
  call: (index: number) => Promise<void>,
): Promise<Omit<Measured, "requestsPerCall">> {
  const ms: number[] = [];
  let next = 0;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (next < calls) {
        const index = next++;
        const before = performance.now();
        await call(index);
        ms.push(performance.now() - before);
      }
    }),
  );
  return { perSecond: (calls / (performance.now() - began)) * 1_000, p99Ms: quantile(ms, 0.99) };
}

/** Requests for our two kinds of object that the API server has answered, watches aside: they are answered at their end. */
async function requests(mesh: NsmkitMesh): Promise<number> {
  const { server, tls: _tls, authorization } = await mesh.plane.config();
  const text = await metrics(`${server}/metrics`, (await authorization()) ?? "");
  let sum = 0;
  for (const line of text.split("\n")) {
    if (!line.startsWith("apiserver_request_total{") || !/resource="networkservice/.test(line)) continue;
    if (!/verb="WATCH"/.test(line)) sum += Number(line.slice(line.lastIndexOf(" ") + 1));
  }
  return sum;
}

async function metrics(url: string, authorization: string): Promise<string> {
  const { request } = await import("node:https");
  return new Promise((resolve, reject) => {
    const sent = request(url, { headers: { authorization }, rejectUnauthorized: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => resolve(text));
    });
    sent.on("error", reject);
    sent.end();
  });
}

/** With so many endpoints, which the first make of a run registers, and some finds at once. */
async function memoryOf({ pid, registry }: Replica, many: number): Promise<number> {
  if ((await find(registry, {})) === 0)
    await timed(many, async (index) => {
      await registry.endpoints.request(context(), entry(index, 590_000));
    });
  await until(async () => (await find(registry, {})) === many);
  await timed(10, async (index) => {
    assert.equal(await find(registry, { networkServiceNames: [`service-${index % services}`] }), many / services);
  });
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024);
}

async function until(look: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 30_000;
  for (;;) {
    const done = await look().catch((error: unknown) => error);
    if (done === true) return;
    assert.ok(performance.now() < end, String(done));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
