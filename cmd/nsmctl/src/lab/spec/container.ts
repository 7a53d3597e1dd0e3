import { messageOf } from "@nsmkit/core";
import type { Container } from "../documents/kubernetes/container.ts";
import { complain, containerEnvironment, expand, type Place, type PodFacts } from "./environment.ts";
import { etcdEndpoints } from "./etcd-source.ts";
import { isVppAgent, programOf } from "./image.ts";
import type { ContainerSpec, MountSpec, VolumeSpec } from "./spec.ts";

/** Ligato's default label. */
const defaultMicroservice = "vpp1";

/** What of a Pod a container's agent reads its settings from. */
export interface PodFiles {
  readonly volumes: readonly VolumeSpec[];
  readonly mounts: readonly MountSpec[];
}

/** What a container comes to where no image is pulled: one of our programs, its own command, or nothing. */
export function buildContainer(container: Container, facts: PodFacts, files: PodFiles, place: Place): ContainerSpec {
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
  const fields = (): Partial<ContainerSpec> => agentFields({ env, configMaps: facts.configMaps, ...files }, place);
  if (meaning && "notRunnable" in meaning) {
    // What is declared for it is checked, and written into its etcd, all the same.
    const agent = isVppAgent(image) ? fields() : {};
    return { ...common, env: variables, notRunnable: meaning.notRunnable, ...agent };
  }
  if (command.length > 0) {
    const own = program !== undefined && isProgramPath(command[0] ?? "", program);
    return {
      ...common,
      env: variables,
      command: [...(own ? [program, ...command.slice(1)] : command), ...args],
      ...(own ? { program, ...(isAgent(program) ? fields() : {}) } : {}),
    };
  }
  if (program !== undefined)
    return {
      ...common,
      env: variables,
      command: [program, ...args],
      program,
      ...(isAgent(program) ? fields() : {}),
    };
  return {
    ...common,
    env: variables,
    notRunnable: `a lab pulls no images, and the container has no command; add "command" (image ${image})`,
  };
}

const isAgent = (program: string): boolean => program === "nsm-agent-linux";

function agentFields(places: Parameters<typeof etcdEndpoints>[0], place: Place): Partial<ContainerSpec> {
  const microservice = places.env.get("MICROSERVICE_LABEL") || defaultMicroservice;
  try {
    const endpoints = etcdEndpoints(places);
    return { microservice, ...(endpoints === undefined ? {} : { etcdEndpoints: endpoints }) };
  } catch (error) {
    complain(place, messageOf(error));
    return { microservice };
  }
}

/** "/usr/bin/nsm-agent-linux" in an image is our program here. */
function isProgramPath(word: string, program: string): boolean {
  return word.slice(word.lastIndexOf("/") + 1) === program;
}
