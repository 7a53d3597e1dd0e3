import type { CnfConfiguration } from "../documents/cnf-configuration.ts";
import type { Documents, Located } from "../documents/load.ts";
import type { Problems } from "../documents/problems.ts";
import type { Path } from "../documents/yaml.ts";
import { checkItem } from "./config-item.ts";
import type { ConfigurationSpec, PodSpec } from "./spec.ts";

interface Context {
  readonly pods: readonly PodSpec[];
  readonly documents: Documents;
  readonly problems: Problems;
  readonly notes: string[];
}

interface Named {
  readonly object: string;
  readonly at: string;
}

/** Checks every item of every CNFConfiguration as its agent will, and gives each to the agents that it is for. */
export function buildConfigurations(context: Context): ConfigurationSpec[] {
  const agents = context.pods.flatMap((pod) => pod.containers.flatMap((c) => (c.microservice ? [c.microservice] : [])));
  const keys = new Map<string, Named>();
  const interfaces = new Map<string, Named>();
  const offered = new Set<string>();
  const asked: { service: string; item: Named }[] = [];
  const built = context.documents.configurations.map((configuration) => {
    const { value, object, source } = configuration;
    const targets = new Set<string>();
    for (const [i, item] of value.spec.configItems.entries()) {
      const path: Path = ["spec", "configItems", i];
      const named = { object: `${object}: item ${i + 1}`, at: source.at(path) };
      const wrong = (at: string, text: string): void => context.problems.add(at, `${named.object}: ${text}`);
      const target = item.microservice ?? value.spec.microservice;
      if (!target) {
        wrong(
          named.at,
          "has no microservice and neither has spec; name the agent (its MICROSERVICE_LABEL) that it is for",
        );
        continue;
      }
      targets.add(target);
      if (item.module.startsWith("vpp") && !agents.includes(target)) {
        context.notes.push(
          `${named.object} (${item.module} ${item.type}) is for nsm-agent-vpp, which this version has not`,
        );
        continue;
      }
      const checked = checkItem(item, source, path, wrong);
      if (!checked) continue;
      claim(keys, `${target}/${checked.key}`, named, (other) =>
        wrong(
          named.at,
          `${checked.key} of ${target} is declared twice, also in ${other.object} (${other.at}); keep one`,
        ),
      );
      const { interfaceName, offers, asksFor } = checked.meaning;
      if (interfaceName)
        claim(interfaces, `${target}/${interfaceName}`, named, (other) =>
          wrong(
            named.at,
            `interface ${interfaceName} of ${target} is also made by ${other.object} (${other.at}); rename one`,
          ),
        );
      if (offers) offered.add(offers);
      if (asksFor) asked.push({ service: asksFor, item: named });
    }
    noteTargets(targets, agents, configuration, context);
    return { name: value.metadata.name, microservices: [...targets].sort(), document: value };
  });
  noteUnoffered(asked, offered, context);
  return built;
}

function claim(taken: Map<string, Named>, what: string, by: Named, refuse: (other: Named) => void): void {
  const other = taken.get(what);
  if (other) refuse(other);
  else taken.set(what, by);
}

function noteTargets(
  targets: ReadonlySet<string>,
  agents: readonly string[],
  { object }: Located<CnfConfiguration>,
  { notes }: Context,
): void {
  for (const target of targets) {
    if (!agents.includes(target))
      notes.push(
        `${object}: no agent of this lab has the MICROSERVICE_LABEL ${target} (there are: ${agents.join(", ") || "none"})`,
      );
  }
}

/** Not an error: the service may be offered by a program of the user. */
function noteUnoffered(
  asked: readonly { service: string; item: Named }[],
  offered: ReadonlySet<string>,
  { documents, notes }: Context,
): void {
  for (const { service, item } of asked) {
    if (offered.has(service)) continue;
    const declared = documents.networkServices.some(({ value }) => value.name === service);
    const also = declared ? "" : "; there is no NetworkService of that name either";
    notes.push(
      `${item.object} asks for network service ${service}, which no CNFConfiguration of this lab offers${also}`,
    );
  }
}
