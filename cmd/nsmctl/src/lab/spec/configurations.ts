import { Problems as ItemProblems, readItems, storedKey, storedValue } from "@nsmkit/agent/cnf-configuration";
import type { ModelRegistry } from "@nsmkit/api/model";
import type { CnfConfiguration } from "../documents/cnf-configuration.ts";
import type { Documents, Located } from "../documents/load.ts";
import type { Problems } from "../documents/problems.ts";
import { fieldPlaces } from "./config-places.ts";
import { checkItemValue } from "./config-values.ts";
import { serviceNames } from "./services.ts";
import type { ClusterSpec, ConfigurationSpec, PodSpec, StoredSpec } from "./spec.ts";

interface Context {
  readonly pods: readonly PodSpec[];
  readonly documents: Documents;
  readonly models: ModelRegistry;
  readonly cluster: ClusterSpec | undefined;
  readonly problems: Problems;
  readonly notes: string[];
}

interface Agent {
  readonly label: string;
  readonly pod: PodSpec;
  readonly runnable: boolean;
  /** Endpoints of its etcd, where it takes its configuration from. */
  readonly etcd?: readonly string[];
}

interface Named {
  readonly object: string;
  readonly at: string;
}

/** What items say of each other, over all CNFConfigurations. */
interface Claims {
  readonly keys: Map<string, Named>;
  readonly interfaces: Map<string, Named>;
  readonly offered: Set<string>;
  readonly asked: { service: string; item: Named }[];
}

type Item = ReturnType<typeof readItems>[number];

/** Checks every item of every CNFConfiguration as its agent will, and gives each to the agents that it is for. */
export function buildConfigurations(context: Context): ConfigurationSpec[] {
  const agents = context.pods.flatMap((pod) => agentsOf(pod));
  const claims: Claims = { keys: new Map(), interfaces: new Map(), offered: new Set(), asked: [] };
  for (const agent of agents) noteEtcd(agent, context);
  const built = context.documents.configurations.map((configuration) => {
    const items = itemsOf(configuration, context);
    for (const item of items) checkItem(item, configuration, agents, claims, context);
    const labels = new Set(items.map(({ label }) => label));
    noteTargets(labels, agents, configuration, context);
    return specOf(configuration, items, agents);
  });
  noteUnoffered(claims, context);
  return built;
}

function agentsOf(pod: PodSpec): Agent[] {
  return pod.containers.flatMap(({ microservice, command, etcdEndpoints }) =>
    microservice === undefined
      ? []
      : [
          {
            label: microservice,
            pod,
            runnable: command !== undefined,
            ...(etcdEndpoints ? { etcd: etcdEndpoints } : {}),
          },
        ],
  );
}

function itemsOf({ value, source }: Located<CnfConfiguration>, { models, problems }: Context): Item[] {
  const found = new ItemProblems();
  const { at, blockAt } = source;
  const items = readItems(value, { name: source.file, models, problems: found, ignored: [], at, blockAt });
  for (const { place, text } of found.list) problems.add(place, text);
  return items;
}

function checkItem(
  item: Item,
  configuration: Located<CnfConfiguration>,
  agents: readonly Agent[],
  claims: Claims,
  { problems }: Context,
): void {
  if ("unread" in item) return;
  const { label, key, model, value, index } = item;
  const { source } = configuration;
  const path = ["spec", "configItems", index];
  const named = { object: `${nameOf(configuration)} item ${index + 1}`, at: source.at(path) };
  const wrong = (at: string, text: string): void => problems.add(at, `${named.object}: ${text}`);
  const agent = agents.find((one) => one.label === label);
  if (model.spec.module.startsWith("vpp") && agent?.runnable) {
    const what = `${model.spec.module} ${model.spec.type}`;
    wrong(
      source.at([...path, "module"]),
      `the agent of ${label} has no VPP, so it cannot have a ${what}; use nsm-agent-vpp`,
    );
    return;
  }
  claim(claims.keys, `${label}/${key}`, named, (other) =>
    wrong(named.at, `${key} of ${label} is declared twice, also in ${other.object} (${other.at}); keep one`),
  );
  const kind = `${model.spec.module} ${model.spec.type}`;
  const places = fieldPlaces(source, [...path, "data"]);
  const { interfaceName, offers, asksFor } = checkItemValue(model, value, (field, text) =>
    wrong(places(field), field === "" ? `${kind}: ${text}` : `${kind}: ${field} ${text}`),
  );
  if (interfaceName)
    claim(claims.interfaces, `${label}/${interfaceName}`, named, (other) =>
      wrong(
        named.at,
        `interface ${interfaceName} of ${label} is also made by ${other.object} (${other.at}); rename one`,
      ),
    );
  if (offers) claims.offered.add(offers);
  if (asksFor) claims.asked.push({ service: asksFor, item: named });
}

/** As the reader of items calls it. */
function nameOf({ value }: Located<CnfConfiguration>): string {
  return `CNFConfiguration ${value.metadata.namespace ?? "default"}/${value.metadata.name}`;
}

function claim(taken: Map<string, Named>, what: string, by: Named, refuse: (other: Named) => void): void {
  const other = taken.get(what);
  if (other) refuse(other);
  else taken.set(what, by);
}

/** Agents with an etcd are given what is theirs there, all others a file. */
function specOf(
  { value }: Located<CnfConfiguration>,
  items: readonly Item[],
  agents: readonly Agent[],
): ConfigurationSpec {
  const stored: StoredSpec[] = agents.flatMap(({ label, pod, etcd }) => {
    const pairs = items.flatMap((item) =>
      item.label !== label || "unread" in item ? [] : [{ key: storedKey(item), value: storedValue(item) }],
    );
    return etcd && pairs.length > 0 ? [{ endpoints: etcd, pod: pod.name, pairs }] : [];
  });
  const inEtcd = new Set(agents.filter(({ etcd }) => etcd).map(({ label }) => label));
  const labels = [...new Set(items.map(({ label }) => label))].filter((label) => !inEtcd.has(label));
  return { name: value.metadata.name, microservices: labels.sort(), document: value, stored };
}

function noteTargets(
  targets: ReadonlySet<string>,
  agents: readonly Agent[],
  configuration: Located<CnfConfiguration>,
  { notes }: Context,
): void {
  const object = nameOf(configuration);
  for (const target of targets) {
    const agent = agents.find(({ label }) => label === target);
    const there = agents.map(({ label }) => label).join(", ") || "none";
    if (!agent)
      notes.push(`${object}: no agent of this lab has the MICROSERVICE_LABEL ${target} (there are: ${there})`);
    else if (!agent.runnable)
      notes.push(`${object}: its items for ${target} are checked, but nsm-agent-vpp is not available in this version`);
  }
}

/** An etcd outside the lab cannot be reached: nothing of a lab can. */
function noteEtcd({ label, pod, etcd }: Agent, { cluster, notes }: Context): void {
  const names = new Set(
    (cluster?.services ?? []).flatMap((service) => [service.address, ...serviceNames(service, pod.namespace)]),
  );
  for (const endpoint of etcd ?? []) {
    const host = /^(?:[a-z]+:\/\/)?\[?(.*?)\]?(?::\d+)?$/.exec(endpoint)?.[1] ?? "";
    const inside = endpoint.startsWith("unix") || names.has(host) || /^(127\.|localhost$|[\d.]+$)/.test(host);
    if (!inside)
      notes.push(
        `Pod ${pod.name}: the etcd ${endpoint} of agent ${label} is no Service of this lab, so the agent waits for it; add the Service and the Pod behind it`,
      );
  }
}

/** Not an error: the service may be offered by a program of the user. */
function noteUnoffered({ asked, offered }: Claims, { documents, notes }: Context): void {
  for (const { service, item } of asked) {
    if (offered.has(service)) continue;
    const declared = documents.networkServices.some(({ value }) => value.name === service);
    const also = declared ? "" : "; there is no NetworkService of that name either";
    notes.push(
      `${item.object} asks for network service ${service}, which no CNFConfiguration of this lab offers${also}`,
    );
  }
}
