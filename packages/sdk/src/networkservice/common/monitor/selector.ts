import type { Connection, MonitorScopeSelector, PathSegment } from "@nsmkit/api/networkservice";

/** True if a watcher with this selector wants the connection. Rules: networkservicemesh/api pkg/api/networkservice. */
export function selects(selector: MonitorScopeSelector, connection: Connection): boolean {
  const { networkServices, pathSegments } = selector;
  if (networkServices.length > 0 && !networkServices.includes(connection.networkService)) return false;
  if (pathSegments.length === 0) return true;
  const path = connection.path?.pathSegments ?? [];
  for (let at = 0; at + pathSegments.length <= path.length; at++)
    if (pathSegments.every((wanted, offset) => fits(wanted, path[at + offset]))) return true;
  return false;
}

const fits = (wanted: PathSegment, segment: PathSegment | undefined): boolean =>
  segment !== undefined &&
  (wanted.name === "" || wanted.name === segment.name) &&
  (wanted.id === "" || wanted.id === segment.id) &&
  (wanted.token === "" || wanted.token === segment.token);

/** The narrowest index entry under which a watcher can wait; its connections all have it among `indexKeys`. */
export function selectorKey(selector: MonitorScopeSelector): string {
  const byId = selector.pathSegments.find((segment) => segment.id !== "");
  if (byId) return `id ${byId.id}`;
  const byName = selector.pathSegments.find((segment) => segment.name !== "");
  return byName ? `name ${byName.name}` : "";
}

export function indexKeys(connection: Connection): Set<string> {
  const keys = new Set([""]);
  for (const { id, name } of connection.path?.pathSegments ?? []) keys.add(`id ${id}`).add(`name ${name}`);
  return keys;
}
