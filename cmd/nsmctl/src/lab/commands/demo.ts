import type { Command } from "commander";
import { type CommandIo, exitCodes } from "../io.ts";
import type { LabSpec } from "../spec/spec.ts";
import type { CheckResult } from "../supervisor/checks.ts";
import { graphOf } from "../view/graph-model.ts";
import { graphText } from "../view/graph-text.ts";
import { milliseconds } from "../view/progress-lines.ts";
import { checkText, indent } from "./check.ts";
import { takeDown } from "./down.ts";
import { askLab } from "./target.ts";
import { bringUp, reportResult, tellFindings } from "./up.ts";

interface DemoOptions {
  readonly check?: boolean;
  readonly keep?: boolean;
}

/** A demo waits as long as `up` does. */
const waitMs = 60_000;

export function demoCommand(parent: Command, io: CommandIo, exit: (code: number) => void): void {
  parent
    .command("demo")
    .summary("start a lab, prove that it works, draw it, wait for Ctrl-C, remove it")
    .description(
      "Shows an example: starts it with every phase timed, runs its checks, prints their proof and a drawing, then waits for Ctrl-C and leaves nothing behind.",
    )
    .argument("<path...>", "folders and files with Kubernetes YAML and a Lab document")
    .option("--check", "do not wait: exit 0 when everything holds, 1 otherwise")
    .option("--keep", "leave the lab running")
    .action(async (paths: string[], options: DemoOptions) => {
      exit(await demo(paths, options, io));
    });
}

async function demo(paths: readonly string[], options: DemoOptions, io: CommandIo): Promise<number> {
  const begunMs = performance.now();
  const { loadLab } = await import("./build-from.ts");
  const lab = await loadLab(paths);
  const { spec } = lab;
  const say = (text: string): void => void io.stdout.write(text);
  say(`${spec.name}${spec.description ? `: ${spec.description.trim()}` : ""}\n\n`);
  tellFindings(lab, io);
  const { places, result, fresh } = await bringUp(lab, waitMs, io, { plan: false });
  try {
    let code = reportResult(result, spec.name, io);
    const checks: CheckResult[] = [];
    await askLab(
      places,
      "check",
      {},
      {
        signal: io.signal,
        tell: (event) => {
          if (event.type !== "check") return;
          if (checks.length === 0)
            say(`First proven packet ${milliseconds(performance.now() - begunMs)} after the command.\n\nProof\n`);
          checks.push(event.result);
          say(`  ${checkText(event.result)}`);
          if (event.result.passed && event.result.show) say(indent(event.result.stdout));
        },
      },
    );
    if (checks.some((check) => !check.passed)) code = exitCodes.failed;
    const status = await askLab(places, "status", {}, { signal: io.signal });
    say(`\nTopology\n${graphText(graphOf(status), io.stdout.columns)}\n`);
    if (options.check || code !== exitCodes.ok) return code;
    say(lookAround(spec, !fresh || (options.keep ?? false)));
    if (fresh && !options.keep) await interrupted(io.signal);
    return code;
  } finally {
    // A lab that ran before is somebody's.
    if (fresh && (!options.keep || io.signal.aborted)) {
      await takeDown(places);
      say(`Lab ${spec.name} is gone.\n`);
    }
  }
}

function lookAround({ name: lab, pods }: LabSpec, keep: boolean): string {
  const pod = pods[0]?.name ?? "POD";
  const containers = pods[0]?.containers ?? [];
  const container = containers.length > 1 ? ` -c ${containers[0]?.name}` : "";
  const commands = [
    [`npx nsmctl lab status`, "Pods, agents, interfaces, connections"],
    [`npx nsmctl lab graph`, "this drawing, as it is now"],
    [`npx nsmctl lab logs ${pod}${container}`, "what its program printed"],
    [`npx nsmctl lab exec ${pod} -- bash`, "a shell in the Pod"],
    [`npx nsmctl lab check`, "run the checks again"],
  ];
  const longest = Math.max(...commands.map(([command]) => command?.length ?? 0));
  const lines = commands.map(([command, meaning]) => `  ${command?.padEnd(longest)}   ${meaning}\n`).join("");
  const end = keep
    ? `The lab stays; remove it with: npx nsmctl lab down ${lab}\n`
    : "Ctrl-C ends the demo and removes everything.\n";
  return `Look around, from another terminal:\n${lines}\n${end}`;
}

function interrupted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    // Without a timer nothing would keep the program alive.
    const timer = setInterval(() => {}, 2 ** 30);
    const end = (): void => {
      clearInterval(timer);
      resolve();
    };
    if (signal.aborted) end();
    signal.addEventListener("abort", end, { once: true });
  });
}
