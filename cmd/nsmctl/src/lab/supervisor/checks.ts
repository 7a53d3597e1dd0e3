import { setTimeout as sleep } from "node:timers/promises";
import type { CheckSpec, OutputRule } from "../spec/spec.ts";
import { killGroup } from "./managed-process.ts";
import type { LabPod } from "./pod.ts";

export interface CheckResult {
  readonly name: string;
  readonly passed: boolean;
  readonly attempts: number;
  readonly ms: number;
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** What was not as expected, in words; empty when it passed. */
  readonly problems: readonly string[];
  readonly show: boolean;
}

interface Output {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const pauseMs = 50;
const outputLimit = 256 * 1024;

/** Runs a check's command again and again until its output is as expected or its time is over. */
export async function runCheck(
  check: CheckSpec,
  pod: LabPod | undefined,
  options: { signal: AbortSignal },
): Promise<CheckResult> {
  const startedMs = performance.now();
  const result = (output: Output, attempts: number, problems: readonly string[]): CheckResult => ({
    name: check.name,
    passed: problems.length === 0,
    attempts,
    ms: performance.now() - startedMs,
    ...output,
    problems,
    show: check.show,
  });
  if (!pod) return result({ exitCode: null, stdout: "", stderr: "" }, 0, [`Pod ${check.pod} is not in the lab`]);
  for (let attempts = 1; ; attempts++) {
    const leftMs = check.timeoutMs - (performance.now() - startedMs);
    const output = await runInside(check, pod, Math.max(1, leftMs), options);
    const problems = outputProblems(check, output);
    const over = performance.now() - startedMs + pauseMs >= check.timeoutMs;
    if (problems.length === 0 || over || options.signal.aborted) return result(output, attempts, problems);
    await sleep(pauseMs);
  }
}

async function runInside(
  check: CheckSpec,
  pod: LabPod,
  timeoutMs: number,
  { signal }: { signal: AbortSignal },
): Promise<Output> {
  const container = pod.container(check.container);
  const child = pod.sandbox.spawn(check.command, {
    env: Object.fromEntries(container?.spec.env ?? []),
    workingDir: container?.spec.workingDir ?? "/",
  });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name]?.setEncoding("utf8").on("data", (text: string) => {
      if (output[name].length < outputLimit) output[name] += text;
    });
  const kill = (): void => {
    if (child.pid !== undefined) killGroup(child.pid, "SIGKILL");
  };
  const timer = setTimeout(kill, timeoutMs);
  signal.addEventListener("abort", kill, { once: true });
  const exitCode = await new Promise<number | null>((resolve) => {
    child.on("error", () => resolve(127));
    child.on("close", (code) => resolve(code));
  });
  clearTimeout(timer);
  signal.removeEventListener("abort", kill);
  return { exitCode, ...output };
}

/** What in a command's output is not as the check expects. */
export function outputProblems(check: CheckSpec, output: Output): string[] {
  const problems: string[] = [];
  if (output.exitCode === null) problems.push(`did not end within ${check.timeoutMs / 1000} s`);
  else if (output.exitCode !== check.exitCode)
    problems.push(`exit code is ${output.exitCode}, expected ${check.exitCode}`);
  return [
    ...problems,
    ...textProblems("stdout", check.stdout, output.stdout),
    ...textProblems("stderr", check.stderr, output.stderr),
  ];
}

function textProblems(name: string, rule: OutputRule, text: string): string[] {
  const quoted = (part: string): string => JSON.stringify(part);
  return [
    ...(rule.contains ?? [])
      .filter((part) => !text.includes(part))
      .map((part) => `${name} does not contain ${quoted(part)}`),
    ...(rule.excludes ?? []).filter((part) => text.includes(part)).map((part) => `${name} contains ${quoted(part)}`),
    ...(rule.matches ?? [])
      .filter((pattern) => !new RegExp(pattern, "m").test(text))
      .map((pattern) => `${name} does not match /${pattern}/`),
    ...(rule.equals !== undefined && rule.equals.trimEnd() !== text.trimEnd()
      ? [`${name} is not ${quoted(rule.equals)}`]
      : []),
  ];
}
