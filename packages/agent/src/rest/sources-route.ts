import type { Agent } from "../agent.ts";
import { sourceOfFile } from "../northbound/files/file-source.ts";
import type { Item } from "../northbound/item.ts";
import type { Route } from "./route.ts";

/** GET /info/sources: who declares what, which of several declarations counts, and what is wrong with a source. */
export function sourcesRoute(agent: Agent): Route {
  return {
    method: "GET",
    path: "/info/sources",
    text: "sources of declarations: their items, the state of each, and errors",
    group: "info",
    handle: () => ({ body: sources(agent) }),
  };
}

function sources({ northbound: { store }, scheduler, files, parts, sources: followed }: Agent): unknown {
  const broken = new Map(files.status.flatMap(({ path, error }) => (error ? [[sourceOfFile(path), error]] : [])));
  const names = [...new Set([...store.sources, ...broken.keys()])].sort();
  const shown = (source: string, { key, place, labels }: Item) => {
    const winner = store.sourcesOf(key).at(-1);
    const { state, error, details } = scheduler.status(key).value;
    return {
      key,
      place,
      ...(labels && Object.keys(labels).length > 0 ? { labels } : {}),
      ...(winner === source ? { state } : { overridden_by: winner }),
      ...(winner === source && error !== undefined ? { error } : {}),
      ...(winner === source && details !== undefined ? { details } : {}),
    };
  };
  return {
    sources: names.map((source) => ({
      source,
      ...(broken.has(source) ? { error: broken.get(source) } : {}),
      items: [...store.itemsOf(source).values()].map((item) => shown(source, item)),
    })),
    followed: Object.fromEntries(followed.map(({ name, details = {} }) => [name, details])),
    parts: parts(),
  };
}
