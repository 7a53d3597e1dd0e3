/**
 * veth pairs into two namespaces: created, addressed, set up (near ends, then far ends, which brings the carrier),
 * routed, deleted, each step for all pairs. Ours (one batch per step) against `ip -batch` (one process per step) and one
 * `ip` process per op (on a sample, scaled). Then a list of 1,000 links against `ip -j link`. What each contender made
 * is checked before its time counts.
 *
 * The pauses of this process's event loop are told for ours, which works in a thread of this process, and for the
 * rivals, which work in other processes: what both have in common is the kernel's (one without preemption lets a thread
 * wait for a processor that it works on).
 *
 * Usage: node bench/netlink.ts [--links N] [--runs N] [--sample N] [--small] [--json]
 *   --links   pairs; default 500
 *   --runs    timed runs of ours and of `ip -batch`; default 5
 *   --sample  ops given to one `ip` each, and links deleted one by one; default 30
 *   --small   50 pairs, 1 run, sample 5: shows that it works, the figures mean little
 *   --json    print the figures as JSON
 * Needs root (or the capabilities in a user namespace that may mount below /run/netns) and, for the rivals, iproute2.
 */
import assert from "node:assert/strict";
import { cpus, release } from "node:os";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { openNetlink } from "@nsmkit/netlink";
import { ipBatchContender, ipExecContender, ipListLinks, ipVersion } from "./netlink/iproute2.ts";
import { kernelContender } from "./netlink/ours.ts";
import { type Figures, figure, printTable } from "./netlink/report.ts";
import { type Contender, type Phase, phases, withNamespaces } from "./netlink/scenario.ts";

const { values: flags } = parseArgs({
  options: {
    links: { type: "string", default: "500" },
    runs: { type: "string", default: "5" },
    sample: { type: "string", default: "30" },
    small: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
const links = flags.small ? 50 : Number(flags.links);
const runs = flags.small ? 1 : Number(flags.runs);
const sample = flags.small ? 5 : Number(flags.sample);
const listed = 1000;

await using netlink = await openNetlink();

/** Microseconds per op of each phase, one entry per run. */
async function measure(contender: Contender, count: number, into: Map<Phase, number[]>): Promise<void> {
  await withNamespaces(netlink, async (arena) => {
    for (const phase of phases) {
      const start = performance.now();
      const ops = await contender[phase](arena, count);
      const elapsed = performance.now() - start;
      await arena.check(phase, ops);
      into.set(phase, [...(into.get(phase) ?? []), (elapsed * 1000) / ops]);
    }
  });
}

const version = await ipVersion();
const contenders: {
  readonly name: string;
  readonly contender: Contender;
  readonly count: number;
  readonly runs: number;
}[] = [{ name: "ours", contender: kernelContender(), count: links, runs }];
if (version !== undefined) {
  contenders.push({ name: "ip -batch", contender: ipBatchContender(sample), count: links, runs });
  contenders.push({ name: "ip per op", contender: ipExecContender(), count: sample, runs: 1 });
}

const times = new Map(contenders.map(({ name }) => [name, new Map<Phase, number[]>()]));
// Once unmeasured, so that ours pays its start-up (a thread, a library) as little as `ip` pays for its page cache.
await measure(kernelContender(), Math.min(links, 50), new Map());

const longestPauseNs = new Map<string, number>();
for (let run = 0; run < runs; run++) {
  for (const each of contenders) {
    if (run >= each.runs) continue;
    // A fresh one each time: it would count the time between two runs as a pause.
    const pause = monitorEventLoopDelay({ resolution: 1 });
    pause.enable();
    await measure(each.contender, each.count, times.get(each.name) ?? new Map());
    pause.disable();
    longestPauseNs.set(each.name, Math.max(longestPauseNs.get(each.name) ?? 0, pause.max));
  }
}

const list: { ours: number[]; ip: number[] } = { ours: [], ip: [] };
await withNamespaces(netlink, async (arena) => {
  await kernelContender().create(arena, listed);
  for (let run = 0; run < Math.max(3, runs); run++) {
    let start = performance.now();
    const found = await arena.inA.linkList();
    list.ours.push(performance.now() - start);
    assert.equal(found.length, listed + 1);
    if (version === undefined) continue;
    start = performance.now();
    const rival = await ipListLinks(arena.nameA);
    list.ip.push(performance.now() - start);
    assert.equal(rival.length, listed + 1);
  }
});

const figures: Figures = {
  machine: `${cpus()[0]?.model ?? "?"} x ${cpus().length}, Linux ${release()}, Node.js ${process.version}, ${version ?? "no iproute2"}`,
  links,
  runs,
  phases: Object.fromEntries(
    phases.map((phase) => [
      phase,
      Object.fromEntries([...times].map(([name, byPhase]) => [name, figure(byPhase.get(phase) ?? [])])),
    ]),
  ),
  listMs: { ours: figure(list.ours), "ip -j link": figure(list.ip) },
  longestPauseMs: Object.fromEntries([...longestPauseNs].map(([name, ns]) => [name, ns / 1e6])),
};
if (flags.json) console.log(JSON.stringify(figures, undefined, 2));
else printTable(figures);
