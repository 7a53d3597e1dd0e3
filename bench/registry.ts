/**
 * Registry operations over real unix sockets, with registry and nsmgr as processes of their own: register, refresh,
 * find by name and by service, and one change told to many watchers. The floor that each is compared with is an echo of
 * the same message by the same transport, in the same run: what is above it is the price of the registry itself.
 *
 * Usage: node bench/registry.ts [--endpoints N] [--watchers N] [--in-flight N] [--json]
 *   --endpoints   registered before the lookups; default 1000
 *   --watchers    of one endpoint's service; default 100
 *   --in-flight   concurrent calls; default 16
 */
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { create } from "@bufbuild/protobuf";
import {
  type NetworkServiceEndpoint,
  NetworkServiceEndpointRegistry,
  NetworkServiceEndpointSchema,
} from "@nsmkit/api/registry";
import { insecureIdentity } from "@nsmkit/sdk";
import { Context } from "@nsmkit/sdk/chain";
import { createRegistryClient, nseRules, type RegistryClient } from "@nsmkit/sdk/registry";
import { bindService, listen } from "@nsmkit/sdk/transport";

const { values: flags } = parseArgs({
  options: {
    endpoints: { type: "string", default: "1000" },
    watchers: { type: "string", default: "100" },
    "in-flight": { type: "string", default: "16" },
    json: { type: "boolean", default: false },
    "echo-server": { type: "string" },
  },
});

if (flags["echo-server"] !== undefined) {
  // This file is also the echo server, in a process of its own as the others are.
  const identity = insecureIdentity({ name: "echo" });
  const echo = bindService(NetworkServiceEndpointRegistry, {
    register: async (entry) => entry,
    unregister: async () => ({}),
    find: async function* () {},
  });
  await listen([flags["echo-server"]], { identity, services: [echo] });
  process.send?.("serving");
} else {
  await main();
}

interface Figure {
  readonly name: string;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

async function main(): Promise<void> {
  const count = Number(flags.endpoints);
  const inFlight = Number(flags["in-flight"]);
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "nsm-bench-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const url = (name: string): string => `unix://${directory}/${name}.sock`;
  const start = async (main: string, args: string[], env: Record<string, string>) => {
    const child = fork(join(import.meta.dirname, "..", main), args, { env, silent: true });
    stack.defer(async () => {
      child.kill("SIGKILL");
      await once(child, "exit");
    });
    if (args.length > 0) await once(child, "message");
    else for await (const chunk of child.stderr ?? []) if (String(chunk).includes('"serving"')) break;
    return child.pid ?? 0;
  };
  await start("bench/registry.ts", ["--echo-server", url("echo")], {});
  const registryPid = await start("cmd/nsm-registry/src/main.ts", [], { NSM_LISTEN_ON: url("registry") });
  const nsmgrPid = await start("cmd/nsmgr/src/main.ts", [], {
    NSM_LISTEN_ON: `${url("nsmgr")},tcp://127.0.0.1:0`,
    NSM_REGISTRY_URL: url("registry"),
  });
  const client = (to: string): RegistryClient =>
    stack.use(createRegistryClient({ connectTo: url(to), identity: insecureIdentity({ name: "bench" }) }));
  const [echo, registry, nsmgr] = [client("echo"), client("registry"), client("nsmgr")];

  const entry = (index: number): NetworkServiceEndpoint =>
    create(NetworkServiceEndpointSchema, {
      name: `endpoint-${index}`,
      url: "tcp://10.0.0.9:5001",
      networkServiceNames: [`service-${index % 100}`],
      networkServiceLabels: { [`service-${index % 100}`]: { labels: { app: "web", tier: "front" } } },
    });
  const { register } = NetworkServiceEndpointRegistry.method;
  const put = (to: RegistryClient) => async (index: number) => {
    const { message } = await to.channel.unary(register, entry(index % count));
    assert.equal(message.name, `endpoint-${index % count}`);
  };
  const find = (to: RegistryClient, by: "name" | "service") => async (index: number) => {
    const at = index % count;
    const pattern = by === "name" ? { name: `endpoint-${at}` } : { networkServiceNames: [`service-${at % 100}`] };
    const ctx = new Context({ signal: AbortSignal.timeout(30_000) });
    let found = 0;
    for await (const _ of to.endpoints.find(ctx, nseRules.query(create(NetworkServiceEndpointSchema, pattern), false)))
      found++;
    assert.equal(found, by === "name" ? 1 : Math.ceil(count / 100));
  };

  const figures: Figure[] = [];
  const time = async (name: string, calls: number, call: (index: number) => Promise<void>): Promise<void> => {
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
    const tookMs = performance.now() - began;
    ms.sort((a, b) => a - b);
    const at = (part: number): number => ms[Math.min(ms.length - 1, Math.floor(ms.length * part))] ?? 0;
    figures.push({ name, perSecond: (calls / tookMs) * 1000, p50Ms: at(0.5), p99Ms: at(0.99) });
  };

  const calls = Math.max(2_000, count);
  for (const to of [echo, registry, nsmgr]) await time("warm-up", 1_000, put(to));
  figures.length = 0;
  await time("echo (floor)", calls, put(echo));
  await time("register at registry", calls, put(registry));
  await time("register through nsmgr", calls, put(nsmgr));
  await time("echo (floor) again", calls, put(echo));
  await time("find by name at registry", calls, find(registry, "name"));
  await time("find by name through nsmgr", calls, find(nsmgr, "name"));
  await time("find by service at registry", Math.min(calls, 2_000), find(registry, "service"));
  const watch = await watched(registry, Number(flags.watchers), put(registry));

  const floor = figures.find(({ name }) => name === "echo (floor)")?.perSecond ?? 1;
  if (flags.json) {
    console.log(JSON.stringify({ count, inFlight, figures, watch }));
    return;
  }
  console.log(
    `${count} endpoints, ${inFlight} in flight, Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}`,
  );
  for (const { name, perSecond, p50Ms, p99Ms } of figures)
    console.log(
      `${name.padEnd(30)} ${perSecond.toFixed(0).padStart(7)}/s  p50 ${p50Ms.toFixed(2)} ms  p99 ${p99Ms.toFixed(2)} ms  ${(perSecond / floor).toFixed(2)} of floor`,
    );
  console.log(
    `one change told to ${flags.watchers} watchers: p50 ${watch.p50Ms.toFixed(2)} ms, last ${watch.lastMs.toFixed(2)} ms`,
  );
  console.log(`RSS: registry ${rssMb(registryPid)} MB, nsmgr ${rssMb(nsmgrPid)} MB`);
}

/** One change, until each of `watchers` streams has told of it; median and worst of 20. */
async function watched(registry: RegistryClient, watchers: number, put: (index: number) => Promise<void>) {
  const stop = new AbortController();
  let told = 0;
  let wake = (): void => {};
  const pattern = create(NetworkServiceEndpointSchema, { name: "endpoint-0" });
  const streams = Array.from({ length: watchers }, async () => {
    for await (const _ of registry.endpoints.find(
      new Context({ signal: stop.signal }),
      nseRules.query(pattern, true),
    )) {
      told++;
      wake();
    }
  });
  const until = async (count: number): Promise<void> => {
    while (told < count)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
  };
  await until(watchers);
  const ms: number[] = [];
  for (let round = 1; round <= 20; round++) {
    const before = performance.now();
    await put(0);
    await until(watchers * (round + 1));
    ms.push(performance.now() - before);
  }
  stop.abort();
  await Promise.allSettled(streams);
  ms.sort((a, b) => a - b);
  return { p50Ms: ms[10] ?? 0, lastMs: ms.at(-1) ?? 0 };
}

function rssMb(pid: number): number {
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024);
}
