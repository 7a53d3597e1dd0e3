import type { NetworkServiceEndpoint } from "@nsmkit/api/registry";
import type { Clock } from "@nsmkit/core";
import { timestampMs } from "../../networkservice/core/connection.ts";
import type { NseKind } from "../core/kinds.ts";
import type { EntryWatch } from "./entry-watch.ts";

export function endsMs(entry: NetworkServiceEndpoint): number {
  return entry.expirationTime ? timestampMs(entry.expirationTime) : Number.POSITIVE_INFINITY;
}

interface AliveList {
  readonly version: number;
  readonly untilMs: number;
  readonly list: readonly NetworkServiceEndpoint[];
}

const lists = new WeakMap<EntryWatch<NseKind>, AliveList>();

/** The endpoints of a watch that have not expired; the same array until something changes. */
export function aliveEndpoints(watch: EntryWatch<NseKind>, clock: Clock): readonly NetworkServiceEndpoint[] {
  const nowMs = clock.now();
  const known = lists.get(watch);
  if (known && known.version === watch.version && nowMs < known.untilMs) return known.list;
  const list = watch.entries().filter((entry) => endsMs(entry) > nowMs);
  const untilMs = list.reduce((first, entry) => Math.min(first, endsMs(entry)), Number.POSITIVE_INFINITY);
  lists.set(watch, { version: watch.version, untilMs, list });
  return list;
}
