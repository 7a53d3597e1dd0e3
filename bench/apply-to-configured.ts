/**
 * From `kubectl apply` to a configured network function and its Ready, with everything real: API server, cnf-crd with its
 * webhook, etcd, and nsm-agent-linux in a namespace of its own. Each CNFConfiguration adds one route, one after the other;
 * the kernel says when it has it, a watch of the API server when the status says Ready.
 *
 * Usage: node bench/apply-to-configured.ts [--small] [--resources N] [--json]
 *   --resources  default 200
 */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Deferred } from "@nsmkit/core";
import { Informer, type UnknownObject } from "@nsmkit/kube";
import { type CnfConfigurationObject, cnfConfigurations } from "../cmd/cnf-crd/src/declared/resource.ts";
import { CnfCrdWorld } from "../test/cluster/cnf-crd-world.ts";
import { ControlPlane, controlPlaneMissing } from "../test/cluster/control-plane.ts";
import { cannotRun, World } from "../test/netns/agent-world.ts";
import { quantile, type Row, report, summary } from "./report.ts";

const { values: flags } = parseArgs({
  options: {
    small: { type: "boolean", default: false },
    resources: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const resources = Number(flags.resources ?? (flags.small ? 20 : 200));

const item = (module: string, type: string, data: string): object => ({ module, type, data });
const object = (name: string, configItems: readonly object[]): UnknownObject =>
  ({
    apiVersion: "pantheon.tech/v1",
    kind: "CNFConfiguration",
    metadata: { namespace: "default", name },
    spec: { microservice: "box", configItems },
  }) as UnknownObject;

const network = (i: number): string => `10.${100 + Math.floor(i / 250)}.${i % 250}.0/24`;

/** Things that come once, by name, and when: whoever waits may come before or after. */
class Moments {
  readonly #of = new Map<string, Deferred<number>>();

  at(name: string): Promise<number> {
    return this.#get(name).promise;
  }

  came(name: string): void {
    this.#get(name).resolve(performance.now());
  }

  #get(name: string): Deferred<number> {
    const found = this.#of.get(name) ?? new Deferred<number>();
    this.#of.set(name, found);
    return found;
  }
}

const missing = controlPlaneMissing() ?? (await cannotRun());
if (missing) console.log(`apply-to-configured: skipped, ${missing}`);
else await main();

async function main(): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const plane = stack.use(await ControlPlane.start());
  const world = await CnfCrdWorld.open(plane);
  stack.defer(() => world.close());
  await world.start();
  await world.asked();
  const machine = stack.use(await World.open());
  const conf = `endpoints: ["${world.server.unixEndpoint}"]\ninsecure-transport: true\n`;
  await writeFile(join(machine.directory, "box.etcd.conf"), conf);
  const pod = await machine.pod();
  await machine.agent(pod, "box", "", { ETCD_CONFIG: "box.etcd.conf" });
  const veth = (name: string, peer: string, more = ""): object =>
    item(
      "linux.interfaces",
      "interface",
      `name: ${name}\ntype: VETH\nenabled: true\nveth: {peer_if_name: ${peer}}\n${more}`,
    );
  await world.apply(object("base", [veth("out", "far", "ip_addresses: [10.0.0.1/24]\n"), veth("far", "out")]));
  await world.wait("base", "Ready", "True", 30_000);

  const moments = new Moments();
  const monitor = await pod.handle.monitor({ groups: ["route"] });
  stack.defer(() => monitor.close());
  void (async () => {
    for await (const event of monitor)
      if (event.type === "route" && event.action === "new") moments.came(`kernel ${event.route.destination}`);
  })();
  const informer = stack.use(
    new Informer<CnfConfigurationObject>({ client: world.admin, resource: cnfConfigurations }),
  );
  informer.onChange(({ type, object: { metadata, status } }) => {
    if (type !== "deleted" && status?.conditions?.some((one) => one.type === "Ready" && one.status === "True"))
      moments.came(`ready ${metadata.name}`);
  });
  informer.start();
  await informer.synced({ signal: AbortSignal.timeout(10_000) });

  const kernel: number[] = [];
  const ready: number[] = [];
  for (let i = 0; i < resources; i++) {
    const data = `outgoing_interface: out\ndst_network: ${network(i)}\ngw_addr: 10.0.0.2\n`;
    const begun = performance.now();
    await world.apply(object(`route-${i}`, [item("linux.l3", "route", data)]));
    const late = AbortSignal.timeout(10_000);
    const at = async (name: string): Promise<number> => {
      const timeUp = new Promise<never>((_, reject) => {
        late.addEventListener("abort", () => reject(new Error(`${name} never came`)), { once: true });
      });
      return (await Promise.race([moments.at(name), timeUp])) - begun;
    };
    kernel.push(await at(`kernel ${network(i)}`));
    ready.push(await at(`ready route-${i}`));
  }
  const routes = await pod.handle.routeList({ link: "out" });
  assert.equal(routes.filter(({ destination }) => /^10\.1\d\d\./.test(destination)).length, resources);

  const row = (what: string, samples: readonly number[]): Row[] => [
    { bench: "apply-to-configured", what: `${what}, median`, unit: "ms", ...summary(samples) },
    { bench: "apply-to-configured", what: `${what}, p99`, unit: "ms", value: quantile(samples, 0.99) },
  ];
  report([...row("apply -> in the kernel", kernel), ...row("apply -> Ready in the status", ready)], flags);
}
