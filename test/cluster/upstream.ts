/** Programs of upstream, which this repository does not build: where they may be found. */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

export type UpstreamProgram = "cmd-registry-k8s" | "cmd-admission-webhook-k8s";

/** The path of a program, or undefined. NSMKIT_UPSTREAM names another folder than ~/.cache/nsmkit/upstream. */
export function upstreamProgram(name: UpstreamProgram): string | undefined {
  const file = join(process.env.NSMKIT_UPSTREAM ?? join(homedir(), ".cache/nsmkit/upstream"), name);
  return existsSync(file) ? file : undefined;
}

/** Why a test with a program cannot run, or undefined. */
export function upstreamMissing(name: UpstreamProgram): string | undefined {
  if (upstreamProgram(name)) return undefined;
  return `upstream's ${name} not found; build it ('git clone https://github.com/networkservicemesh/${name}', 'go build -o ~/.cache/nsmkit/upstream/${name} .')`;
}
