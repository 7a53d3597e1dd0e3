/** What nodes tell: read page by page and forgotten, never watched, as there may be thousands. */
import { isMap, type Look, textAt, textsOf, under } from "./ask.ts";
import { covering, type Prefix, parsePrefix } from "./prefixes.ts";

/** Marks of a distribution on one node; all nodes of a cluster are of one. */
export interface NodeMarks {
  readonly name: string;
  /** "v1.36.0+k3s1". */
  readonly kubeletVersion: string;
  /** Names of its labels. */
  readonly labels: readonly string[];
}

/** One node is asked for, whichever the API server lists first. */
export async function anyNode(look: Look): Promise<NodeMarks | undefined> {
  const items = under(await look.ask("/api/v1/nodes?limit=1"), "items");
  const first: unknown = Array.isArray(items) ? items[0] : undefined;
  if (first === undefined) return undefined;
  const labels = under(first, "metadata", "labels");
  return {
    name: textAt(first, "metadata", "name"),
    kubeletVersion: textAt(first, "status", "nodeInfo", "kubeletVersion"),
    labels: isMap(labels) ? Object.keys(labels) : [],
  };
}

export interface NodePrefixes {
  /** What holds the Pods of all nodes: one prefix for each network. */
  readonly prefixes: readonly Prefix[];
  /** Of the first prefix of a node, which is that of its Pods' first address. */
  readonly family?: Prefix["family"];
  readonly nodes: number;
}

const pageSize = 100;

/** Walks over all nodes in pages; a list that expires on the way is good enough as far as it came. */
export async function nodePrefixes(look: Look): Promise<NodePrefixes> {
  let prefixes: readonly Prefix[] = [];
  let family: Prefix["family"] | undefined;
  let nodes = 0;
  let next = "";
  do {
    const more: string = next === "" ? "" : `&continue=${encodeURIComponent(next)}`;
    const body = await look.ask(`/api/v1/nodes?limit=${pageSize}${more}`);
    const items = under(body, "items");
    for (const node of Array.isArray(items) ? (items as readonly unknown[]) : []) {
      const given = under(node, "spec", "podCIDRs") ?? under(node, "spec", "podCIDR");
      const found = textsOf(given).flatMap((text) => parsePrefix(text) ?? []);
      if (found.length > 0) nodes++;
      family ??= found[0]?.family;
      prefixes = covering([...prefixes, ...found]);
    }
    next = textAt(body, "metadata", "continue");
  } while (next !== "");
  return { prefixes, nodes, ...(family && { family }) };
}
