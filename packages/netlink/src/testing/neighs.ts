import type { Neigh } from "../api/objects.ts";
import type { NeighFilter, NewNeigh } from "../api/ops.ts";
import { formatIp, parseIp } from "../names/ip.ts";
import { type NamespaceState, Refusal } from "./state.ts";

function find(state: NamespaceState, wanted: NewNeigh): { link: number; address: string; found: Neigh | undefined } {
  const link = state.resolve(wanted.link).index;
  const address = formatIp(parseIp(wanted.address).bytes);
  return { link, address, found: state.neighs.find((other) => other.link === link && other.address === address) };
}

export function addNeigh(state: NamespaceState, verb: "add" | "replace", wanted: NewNeigh): void {
  const { link, address, found } = find(state, wanted);
  if (found && verb === "add") throw new Refusal("EEXIST");
  const neigh: Neigh = {
    link,
    family: parseIp(address).family,
    address,
    ...(wanted.mac === undefined ? {} : { mac: wanted.mac.toLowerCase() }),
    state: wanted.state ?? "permanent",
    proxy: wanted.proxy ?? false,
    router: wanted.router ?? false,
  };
  if (found) state.neighs[state.neighs.indexOf(found)] = neigh;
  else state.neighs.push(neigh);
  state.tell("neigh", { type: "neigh", action: "new", neigh });
}

export function deleteNeigh(state: NamespaceState, wanted: NewNeigh): void {
  const { found } = find(state, wanted);
  if (!found) throw new Refusal("ENOENT");
  state.neighs.splice(state.neighs.indexOf(found), 1);
  state.tell("neigh", { type: "neigh", action: "delete", neigh: found });
}

export function listNeighs(state: NamespaceState, filter: NeighFilter): Neigh[] {
  const link = filter.link === undefined ? undefined : state.resolve(filter.link).index;
  return state.neighs.filter(
    (neigh) =>
      (link === undefined || neigh.link === link) && (filter.family === undefined || neigh.family === filter.family),
  );
}
