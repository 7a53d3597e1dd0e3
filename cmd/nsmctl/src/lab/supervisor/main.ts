import { rmSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CodedError, isCodedError, KeyedQueue, messageOf, mustExist } from "@nsmkit/core";
import { openNetlink } from "@nsmkit/netlink";
import type { ApplyRequest, ApplyResult, EnterResult } from "../control/protocol.ts";
import { serveControl, type Tell } from "../control/server.ts";
import { insideDirectory } from "../host/places.ts";
import { processId } from "../host/processes.ts";
import { findAgent } from "./agents.ts";
import { type CheckResult, runCheck } from "./checks.ts";
import { RunningLab } from "./lab.ts";
import { bindMount } from "./mount.ts";
import { baseEnvironment, checkout, writePrograms } from "./programs.ts";
import { Progress } from "./progress.ts";
import { LabRoot } from "./root-fs.ts";
import { readStatus } from "./status.ts";
import { Changes, configurationProblems, containerProblems, meshProblems, waitUntilNone } from "./waiting.ts";

export interface SupervisorOptions {
  /** The lab's directory as the machine sees it. */
  readonly directory: string;
  readonly env: NodeJS.ProcessEnv;
  readonly rootless: boolean;
  /** Called when the lab can be spoken to. */
  readonly onReady: () => void;
}

/**
 * The one process that owns a lab: it makes the namespaces, starts the programs and answers on the control socket.
 * It runs in network and mount namespaces of its own already, and everything that it starts dies with it.
 */
export async function supervise({ directory, env, rootless, onReady }: SupervisorOptions): Promise<void> {
  const startedMs = Date.now();
  const root = LabRoot.enter(directory, [process.execPath, checkout]);
  // Where the nsmkit image has its own tree: containers of that image run what it carries.
  root.ensureMountPoint("/nsmkit", "directory");
  bindMount(checkout, "/nsmkit");
  const changes = new Changes();
  const [netlink] = await Promise.all([openNetlink(), writePrograms()]);
  const lab = new RunningLab({ netlink, root, env: baseEnvironment(directory, env), onChange: changes.tell });
  const turns = new KeyedQueue<"apply">();
  const stopped = Promise.withResolvers<void>();

  const apply = async (request: ApplyRequest, tell: Tell, signal: AbortSignal): Promise<ApplyResult> => {
    const begunMs = performance.now();
    const took = (): number => performance.now() - begunMs;
    if (request.dryRun) return { plan: lab.plan(request.spec), problems: [], ms: took() };
    const progress = new Progress(tell);
    const plan = await lab.apply(request.spec, progress, { signal });
    await writeFile(join(insideDirectory, "documents.json"), JSON.stringify(request.documents));
    const problems = request.waitMs > 0 ? await waitForAll(lab, changes, progress, request.waitMs, signal) : [];
    return { plan, problems, ms: took() };
  };

  const server = await serveControl(join(insideDirectory, "control.sock"), {
    status: () => readStatus(lab, netlink, { directory, startedMs, rootless }),
    apply: (request, { tell, signal }) => turns.run("apply", () => apply(request, tell, signal), { signal }),
    check: ({ names }, { tell, signal }) => runChecks(lab, names, tell, signal),
    enter: async ({ target, container }) => enter(lab, target, container),
    agent: async (wanted) => findAgent(lab, wanted),
    connect: ({ pod, host, port }, { signal }) => lab.connect(pod, host, port, { signal }),
    down: async () => {
      await lab.close();
      setImmediate(stopped.resolve);
      return null;
    },
  });
  writeFileSync(
    join(insideDirectory, "supervisor.json"),
    JSON.stringify(mustExist(processId(process.pid), "our own process")),
  );
  process.on("SIGTERM", () => void lab.close().finally(stopped.resolve));
  onReady();
  await stopped.promise;
  server.close();
  rmSync(join(insideDirectory, "control.sock"), { force: true });
  await netlink.close();
}

async function waitForAll(
  lab: RunningLab,
  changes: Changes,
  progress: Progress,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string[]> {
  const deadline = performance.now() + timeoutMs;
  const wait = (phase: string, detail: string, problems: () => Promise<string[]> | string[]): Promise<void> =>
    progress.phase(phase, detail, async () => {
      const left = await waitUntilNone(problems, changes, {
        timeoutMs: Math.max(0, deadline - performance.now()),
        signal,
      });
      if (left.length > 0) throw new CodedError("DEADLINE_EXCEEDED", left.join("\n"), { details: { left } });
    });
  try {
    await wait("mesh", "registry, managers, forwarders", () => meshProblems(lab));
    await wait("containers", "running", () => containerProblems(lab));
    await wait("configuration", "agents have it in place", () => configurationProblems(lab, { signal }));
    return [];
  } catch (error) {
    if (!isCodedError(error, "DEADLINE_EXCEEDED") || !Array.isArray(error.details.left)) throw error;
    // Also what was not waited for yet: one look tells everything.
    return [...meshProblems(lab), ...containerProblems(lab), ...(await configurationProblems(lab, { signal }))];
  }
}

async function runChecks(
  lab: RunningLab,
  names: readonly string[] | undefined,
  tell: Tell,
  signal: AbortSignal,
): Promise<CheckResult[]> {
  const checks = lab.spec?.checks ?? [];
  const unknown = names?.find((name) => !checks.some((check) => check.name === name));
  if (unknown !== undefined)
    throw new CodedError(
      "NOT_FOUND",
      `there is no check ${JSON.stringify(unknown)}; there are ${checks.map((c) => c.name).join(", ") || "none"}`,
    );
  const results: CheckResult[] = [];
  for (const check of checks.filter(({ name }) => !names || names.includes(name))) {
    const result = await runCheck(check, lab.pods.get(check.pod), { signal });
    results.push(result);
    tell({ type: "check", result });
  }
  return results;
}

function enter(lab: RunningLab, target: string, container: string | undefined): EnterResult {
  const node = lab.nodes.get(target);
  const pod = lab.pods.get(target);
  if (!pod && node) return { pid: node.sandbox.pid, env: node.sandbox.env, workingDir: "/" };
  if (!pod)
    throw new CodedError(
      "NOT_FOUND",
      `there is no Pod or node ${target}; there are ${[...lab.podList, ...lab.nodeList].map(({ spec }) => spec.name).join(", ")}`,
    );
  const chosen = pod.container(container);
  if (!chosen)
    throw new CodedError(
      "NOT_FOUND",
      `Pod ${target} has no container ${container}; it has ${pod.containers.map(({ spec }) => spec.name).join(", ")}`,
    );
  return {
    pid: pod.sandbox.pid,
    env: { ...pod.sandbox.env, ...Object.fromEntries(chosen.spec.env) },
    workingDir: chosen.spec.workingDir,
  };
}

/** For the log of a supervisor that could not start. */
export function startFailure(error: unknown): string {
  return `nsmctl lab supervise: ${messageOf(error)}\n`;
}
