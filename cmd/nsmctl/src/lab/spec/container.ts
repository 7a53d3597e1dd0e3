import type { Container } from "../documents/kubernetes/container.ts";
import { complain, containerEnvironment, expand, type Place, type PodFacts } from "./environment.ts";
import { programOf } from "./image.ts";
import type { ContainerSpec } from "./spec.ts";

/** Ligato's default label. */
const defaultMicroservice = "vpp1";

/** What a container comes to where no image is pulled: one of our programs, its own command, or nothing. */
export function buildContainer(container: Container, facts: PodFacts, place: Place): ContainerSpec {
  const env = containerEnvironment(container, facts, place);
  const words = (list: readonly string[] | null | undefined): string[] => (list ?? []).map((word) => expand(word, env));
  const [command, args] = [words(container.command), words(container.args)];
  const image = container.image ?? "";
  const meaning = programOf(image);
  const program = meaning && "program" in meaning ? meaning.program : undefined;
  if (image === "" && command.length === 0) complain(place, "needs an image or a command");
  const common = {
    name: container.name,
    image,
    workingDir: container.workingDir ?? "/",
    ...(container.restartPolicy === "Always" ? { sidecar: true } : {}),
  };
  const variables = [...env];
  if (meaning && "notRunnable" in meaning) return { ...common, env: variables, notRunnable: meaning.notRunnable };
  if (command.length > 0) {
    const own = program !== undefined && isProgramPath(command[0] ?? "", program);
    return {
      ...common,
      env: variables,
      command: [...(own ? [program, ...command.slice(1)] : command), ...args],
      ...(own ? agentFields(program, env) : {}),
    };
  }
  if (program !== undefined)
    return { ...common, env: variables, command: [program, ...args], ...agentFields(program, env) };
  return {
    ...common,
    env: variables,
    notRunnable: `a lab pulls no images, and the container has no command; add "command" (image ${image})`,
  };
}

function agentFields(program: string, env: ReadonlyMap<string, string>): Partial<ContainerSpec> {
  if (program !== "nsm-agent-linux") return { program };
  return { program, microservice: env.get("MICROSERVICE_LABEL") || defaultMicroservice };
}

/** "/usr/bin/nsm-agent-linux" in an image is our program here. */
function isProgramPath(word: string, program: string): boolean {
  return word.slice(word.lastIndexOf("/") + 1) === program;
}
