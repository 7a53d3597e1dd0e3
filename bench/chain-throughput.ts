/**
 * TCP through the NAT chain of examples/nat-chain as `nsmctl lab` brings it up, against the same links, addresses and
 * rule made by hand with ip and iptables. Both stand at the same time and are measured in turn, so that what else the
 * machine does meets both. That the address is translated is checked in every round.
 *
 * Usage: node bench/chain-throughput.ts [--rounds N] [--ms N] [--small] [--json]
 *   --rounds  of each; default 15
 *   --ms      length of a round; default 1000
 *   --small   3 rounds of 200 ms
 *   --json    print the figures as JSON
 * Needs root, iproute2, iptables and nsenter.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Chain, chainByHand } from "./chain-throughput/by-hand.ts";
import type { Arrived, Sent } from "./chain-throughput/stream.ts";
import { median, quantile, report, short } from "./report.ts";

const { values: flags } = parseArgs({
  options: {
    rounds: { type: "string", default: "15" },
    ms: { type: "string", default: "1000" },
    small: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
const rounds = flags.small ? 3 : Number(flags.rounds);
const roundMs = flags.small ? 200 : Number(flags.ms);
const root = join(import.meta.dirname, "..");
const name = `bench-${process.pid}`;

for (const tool of ["ip", "iptables", "nsenter"]) {
  if (spawnSync(tool, ["--version"]).error) throw new Error(`this benchmark needs ${tool}`);
}

await using stack = new AsyncDisposableStack();
const nsmctl = (...args: string[]): string =>
  execFileSync(process.execPath, [join(root, "cmd/nsmctl/src/main.ts"), "lab", ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });

function chainOfLab(): Chain {
  nsmctl("up", join(root, "examples/nat-chain"), "--name", name);
  stack.defer(() => void nsmctl("down", name));
  const status = JSON.parse(nsmctl("status", "--lab", name, "--output", "json")) as {
    pods: readonly { readonly name: string; readonly pid: number }[];
  };
  const path = (pod: string): string => {
    const pid = status.pods.find((each) => each.name === pod)?.pid;
    assert.ok(pid, `Pod ${pod} has a process`);
    return `/proc/${pid}/ns/net`;
  };
  return { client: path("client"), web: path("web"), address: "80.80.80.80", translated: "80.80.80.100" };
}

function end(netns: string, ...args: string[]): ChildProcess {
  const stream = join(import.meta.dirname, "chain-throughput/stream.ts");
  const child = spawn("nsenter", [`--net=${netns}`, process.execPath, stream, ...args], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  stack.defer(async () => {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  });
  return child;
}

async function ask<T>(child: ChildProcess, question: unknown): Promise<T> {
  const answer = once(child, "message");
  child.send(question as string);
  return (await answer)[0] as T;
}

class Contender {
  readonly gigabits: number[] = [];
  /** Processor time of both ends, and so of the kernel between them, per gigabyte. */
  readonly msPerGigabyte: number[] = [];
  readonly #chain: Chain;
  readonly #server: ChildProcess;
  readonly #client: ChildProcess;

  constructor(chain: Chain) {
    this.#chain = chain;
    this.#server = end(chain.web, "server", chain.address);
    this.#client = end(chain.client, "client", chain.address);
  }

  async ready(): Promise<void> {
    await Promise.all([once(this.#server, "message"), once(this.#client, "message")]);
  }

  async round(counts: boolean): Promise<void> {
    await ask<Arrived>(this.#server, "begin");
    const sent = await ask<Sent>(this.#client, roundMs);
    const arrived = await ask<Arrived>(this.#server, "end");
    assert.deepEqual(arrived.from, [this.#chain.translated], "the server sees the NAT's address");
    assert.equal(arrived.bytes, sent.bytes, "all that was sent arrived");
    if (!counts) return;
    this.gigabits.push((sent.bytes * 8) / sent.ms / 1e6);
    this.msPerGigabyte.push((sent.cpuMs + arrived.cpuMs) / (sent.bytes / 1e9));
  }
}

const byHand = stack.use(new DisposableStack());
const ours = new Contender(chainOfLab());
const rival = new Contender(chainByHand(byHand, name));
await Promise.all([ours.ready(), rival.ready()]);
for (const contender of [ours, rival]) await contender.round(false);
for (let round = 0; round < rounds; round++) {
  // Who comes first changes: a round is disturbed by the end of the one before.
  for (const contender of round % 2 === 0 ? [ours, rival] : [rival, ours]) await contender.round(true);
}

const spread = (samples: readonly number[]): string =>
  `${short(quantile(samples, 0.25))}-${short(quantile(samples, 0.75))}`;
report(
  [
    {
      bench: "chain-throughput",
      what: "TCP through client, NAT and web server",
      value: median(ours.gigabits),
      unit: "Gbit/s",
      spread: spread(ours.gigabits),
      rival: { name: "made by hand", value: median(rival.gigabits) },
    },
    {
      bench: "chain-throughput",
      what: "ratio to the chain made by hand, median of rounds side by side",
      value: median(ours.gigabits.map((value, i) => value / (rival.gigabits[i] ?? Number.NaN))),
      unit: "",
      spread: spread(ours.gigabits.map((value, i) => value / (rival.gigabits[i] ?? Number.NaN))),
      budget: ">= 0.98",
    },
    {
      bench: "chain-throughput",
      what: "processor time per gigabyte",
      value: median(ours.msPerGigabyte),
      unit: "ms",
      spread: spread(ours.msPerGigabyte),
      rival: { name: "made by hand", value: median(rival.msPerGigabyte) },
    },
  ],
  { json: flags.json },
);
