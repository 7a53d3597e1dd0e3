/**
 * The operator on a real API server, with a process of its own for its memory: the document of the first operator is applied
 * until all its objects are there, then nothing happens for a while, then an hour of a large cluster happens in a minute.
 * Requests are those that the operator counts itself, by rest_client_requests_total; workloads become ready as soon as they
 * are seen, so that the time is the operator's. The program is the bundle that goes into the image.
 *
 * The operator watches NSM resources and, by label, the objects that it made: neither nodes nor Pods. What is asked of them
 * stands in the status of their DaemonSet or Deployment, and Pods are listed only while one of these is not available.
 *
 * Usage: node bench/operator.ts [--runs N] [--steady SECONDS] [--nodes N] [--pods N] [--json]
 *   --runs    installs, each after the removal of the one before; default 5
 *   --steady  length of the quiet time; default 20
 *   --nodes   of the large cluster; default 100, the promise is about 1000
 *   --pods    of the large cluster; default 500, the promise is about 5000
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { parse } from "yaml";
import { type Nsm, nsms } from "../cmd/nsm-operator/src/status/status.ts";
import { isReady, leftovers, until } from "../cmd/nsm-operator/src/testing/world.ts";
import { architectureOf } from "../scripts/bundle/native.ts";
import { bundle } from "../scripts/bundle.ts";
import { ControlPlane, controlPlaneMissing, freePort } from "../test/cluster/control-plane.ts";
import { namespace, OperatorWorld } from "../test/cluster/operator-world.ts";
import { churn } from "./operator/churn.ts";
import { type Row, report, summary } from "./report.ts";

const { values: flags } = parseArgs({
  options: {
    runs: { type: "string", default: "5" },
    steady: { type: "string", default: "20" },
    nodes: { type: "string", default: "100" },
    pods: { type: "string", default: "500" },
    json: { type: "boolean", default: false },
  },
});
const missing = controlPlaneMissing();
if (missing) console.log(`operator: skipped, ${missing}`);
else await main(Number(flags.runs), Number(flags.steady));

/** The program as the image has it. */
async function bundled(folder: string): Promise<string> {
  const architecture = architectureOf(process.arch);
  if (architecture === undefined) throw new Error(`no image is made for ${process.arch}`);
  const modules = join(import.meta.dirname, "../node_modules");
  await bundle({ folder, architecture, modules, withNode: false });
  return join(folder, "bin/nsm-operator");
}

interface Counts {
  total: number;
  writes: number;
  lease: number;
}

async function main(runs: number, steadySeconds: number): Promise<void> {
  await using plane = await ControlPlane.start();
  await using world = await OperatorWorld.open(plane);
  const folder = await mkdtemp(join(tmpdir(), "nsmkit-bench-operator-"));
  const program = await bundled(folder);
  const started = performance.now();
  const port = await freePort();
  const operator = spawn(program, [], {
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
      // As deploy/operator.yaml says.
      NODE_OPTIONS: "--max-semi-space-size=1 --max-old-space-size=96 --v8-pool-size=1",
      KUBECONFIG: await plane.kubeconfig(),
      WATCH_NAMESPACE: namespace,
      POD_NAMESPACE: namespace,
      POD_NAME: "bench",
      NSM_LOG_LEVEL: "ERROR",
      NSM_OPERATOR_LISTEN_ON: `127.0.0.1:${port}`,
      NSM_OPERATOR_WEBHOOK_LISTEN_ON: "127.0.0.1:0",
    },
  });
  try {
    const metric = async (name: string, having = /./): Promise<number> => {
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      const lines = text.split("\n").filter((line) => line.startsWith(name) && having.test(line));
      return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
    };
    const counts = async (): Promise<Counts> => ({
      total: await metric("rest_client_requests_total"),
      // The Lease alone is renewed by PUT.
      writes: await metric("rest_client_requests_total", /method="(POST|PATCH|DELETE)"/),
      lease: await metric("rest_client_requests_total", /method="PUT"/),
    });
    await until(
      () =>
        fetch(`http://127.0.0.1:${port}/readyz`).then(
          (answer) => answer.text(),
          () => "",
        ),
      (text) => text.startsWith("leading"),
      undefined,
      30_000,
    );
    const startMs = performance.now() - started;
    const document = parse(
      await readFile(join(import.meta.dirname, "../packages/mesh/testdata/nsm-2020.yaml"), "utf8"),
    ) as Nsm;
    const mesh = { ...document, metadata: { ...document.metadata, namespace } };
    const times: number[] = [];
    const requests: number[] = [];
    let quiet: Counts | undefined;
    for (let run = 0; run < runs; run++) {
      const before = await counts();
      const from = performance.now();
      await world.admin.create(nsms, mesh);
      await until(() => world.admin.get(nsms, { namespace, name: "nsm" }), isReady, undefined, 30_000);
      times.push(performance.now() - from);
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      requests.push((await counts()).total - before.total);
      assert.ok((await leftovers(world.admin)).length >= 15, "not all objects are there");
      if (run === runs - 1) {
        const [a, b] = [await counts(), await new Promise((r) => setTimeout(r, steadySeconds * 1_000)).then(counts)];
        quiet = { total: b.total - a.total, writes: b.writes - a.writes, lease: b.lease - a.lease };
        break;
      }
      await world.admin.delete(nsms, { namespace, name: "nsm" });
      await world.gone("nsm");
      assert.deepEqual(await leftovers(world.admin), []);
    }
    const perMinute = 60 / steadySeconds;
    const memory = async (): Promise<number> => (await metric("process_resident_memory_bytes")) / 2 ** 20;
    const rss = await memory();
    const [size, before] = [{ nodes: Number(flags.nodes), pods: Number(flags.pods) }, await counts()];
    const changes = await churn(world.admin, { ...size, namespace, parallel: 16 });
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    const [busy, rssAfter] = [await counts(), await memory()];
    // The kubelets of this bench put the DaemonSets' status right again; then the mesh must be as it was.
    await until(() => world.admin.get(nsms, { namespace, name: "nsm" }), isReady, undefined, 60_000);
    const large = `${size.nodes} nodes and ${size.pods} Pods, ${changes} changes`;
    const bench = "operator";
    const rows: Row[] = [
      { bench, what: "process started -> leading, caches filled", value: startMs, unit: "ms" },
      { bench, what: "2020 document applied -> Ready", ...summary(times), unit: "ms" },
      { bench, what: "requests per install, watches and Lease included", ...summary(requests), unit: "requests" },
      { bench, what: "requests per steady minute", value: (quiet?.total ?? Number.NaN) * perMinute, unit: "requests" },
      {
        bench,
        what: "writes per steady minute beside the Lease's",
        value: (quiet?.writes ?? Number.NaN) * perMinute,
        unit: "writes",
        budget: "= 0",
      },
      { bench, what: "resident memory in the quiet", value: rss, unit: "MiB", budget: "< 100" },
      { bench, what: `resident memory after ${large}`, value: rssAfter, unit: "MiB", budget: "< 100" },
      { bench, what: "requests during these changes", value: busy.total - before.total, unit: "requests" },
      { bench, what: "writes during these changes", value: busy.writes - before.writes, unit: "writes" },
    ];
    report(rows, { json: flags.json });
    assert.equal(quiet?.writes, 0, "a steady state wrote");
  } finally {
    operator.kill("SIGTERM");
    await new Promise((resolve) => operator.once("exit", resolve));
    await rm(folder, { recursive: true, force: true });
  }
}
