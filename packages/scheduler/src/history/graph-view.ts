import { messageOf } from "@nsmkit/core";
import type { Dependency } from "../descriptor.ts";
import { type DescribeValue, describe, timeOf } from "./show.ts";
import type { Revision, Timeline } from "./timeline.ts";

/** Flags of a node revision, with the original's names. A flag that is not set is absent. */
export interface RecordedFlags {
  readonly "last-update"?: string;
  readonly error?: string;
  readonly "value-state"?: string;
  readonly unavailable?: "";
  readonly descriptor?: string;
  readonly derived?: string;
}
export type FlagName = keyof RecordedFlags;
export const flagNames: readonly FlagName[] = [
  "last-update",
  "error",
  "value-state",
  "unavailable",
  "descriptor",
  "derived",
];

export interface RecordedTarget {
  readonly Relation: "depends-on" | "derives";
  readonly Label: string;
  /** Empty for any-of dependencies. */
  readonly ExpectedKey: string;
  /** Keys that existed then. */
  readonly MatchingKeys: readonly string[];
}

/** A node revision with the field names of the original (upstream plugins/kvscheduler/internal/graph/graph_api.go). */
export interface RecordedNode {
  readonly Since: string;
  readonly Until?: string;
  readonly Key: string;
  readonly Label: string;
  readonly Value: unknown;
  readonly Flags: RecordedFlags;
  readonly MetadataFields: Readonly<Record<string, readonly string[]>> | null;
  readonly Targets: readonly RecordedTarget[];
}

export interface FlagStats {
  readonly TotalCount: number;
  readonly PerValueCount: Readonly<Record<string, number>>;
}

/** The graph as it was at some time, drawn from the timeline. */
export class GraphView {
  readonly #timeline: Timeline;
  readonly #describeValue: DescribeValue;

  constructor(timeline: Timeline, describeValue: DescribeValue) {
    this.#timeline = timeline;
    this.#describeValue = describeValue;
  }

  /** Every revision of a key, or the one at a time. */
  timelineOf(key: string, timeMs: number | undefined): RecordedNode[] {
    const one = timeMs === undefined ? undefined : this.#timeline.at(key, timeMs);
    const revisions = timeMs === undefined ? this.#timeline.of(key) : one ? [one] : [];
    return revisions.map((revision) => this.#show(revision, this.#at(revision.sinceMs)));
  }

  snapshot(timeMs: number): RecordedNode[] {
    const nodes = this.#at(timeMs);
    return [...nodes.values()].map((revision) => this.#show(revision, nodes));
  }

  flagStats(flag: FlagName, selects: (key: string) => boolean): FlagStats {
    const counts: Record<string, number> = {};
    let total = 0;
    for (const revisions of this.#timeline.all()) {
      for (const revision of revisions) {
        const value = flagsOf(revision)[flag];
        if (value === undefined || !selects(revision.key)) continue;
        total++;
        counts[value] = (counts[value] ?? 0) + 1;
      }
    }
    return { TotalCount: total, PerValueCount: counts };
  }

  /** Every node at a time, by key, in order of keys. */
  #at(timeMs: number): Map<string, Revision> {
    const found: Revision[] = [];
    for (const [first] of this.#timeline.all()) {
      const revision = first && this.#timeline.at(first.key, timeMs);
      if (revision) found.push(revision);
    }
    found.sort((a, b) => (a.key < b.key ? -1 : 1));
    return new Map(found.map((revision) => [revision.key, revision]));
  }

  #show(revision: Revision, others: ReadonlyMap<string, Revision>): RecordedNode {
    const { key, label, descriptor, metadata } = revision;
    const fields = metadata === undefined ? undefined : descriptor?.descriptor.metadataFields?.(label, metadata);
    return {
      Since: timeOf(revision.sinceMs),
      ...(revision.untilMs === undefined ? {} : { Until: timeOf(revision.untilMs) }),
      Key: key,
      Label: label,
      Value: describe(this.#describeValue, descriptor, key, revision.value),
      Flags: flagsOf(revision),
      MetadataFields: fields ?? null,
      Targets: [...dependsOn(revision.dependencies, others), ...derives(revision, others)],
    };
  }
}

function flagsOf(revision: Revision): RecordedFlags {
  const { lastUpdate, error, state, available, descriptor, baseKey } = revision;
  return {
    ...(lastUpdate === undefined ? {} : { "last-update": `TXN-${lastUpdate}` }),
    ...(error === undefined ? {} : { error: messageOf(error) }),
    "value-state": state,
    ...(available ? {} : { unavailable: "" as const }),
    ...(descriptor ? { descriptor: descriptor.name } : {}),
    ...(baseKey === undefined ? {} : { derived: baseKey }),
  };
}

function dependsOn(dependencies: readonly Dependency[], others: ReadonlyMap<string, Revision>): RecordedTarget[] {
  return dependencies.map(({ label, key, anyOf }) => {
    const prefixes = anyOf?.keyPrefixes ?? [""];
    const matches = (other: string): boolean =>
      prefixes.some((prefix) => other.startsWith(prefix)) && (anyOf?.keySelector?.(other) ?? true);
    const matching = key === undefined ? [...others.keys()].filter(matches) : others.has(key) ? [key] : [];
    return { Relation: "depends-on" as const, Label: label, ExpectedKey: key ?? "", MatchingKeys: matching };
  });
}

function derives(revision: Revision, others: ReadonlyMap<string, Revision>): RecordedTarget[] {
  const { key, value, descriptor, baseKey } = revision;
  if (baseKey !== undefined || !descriptor || value === undefined || !revision.available) return [];
  const pairs = [...(descriptor.descriptor.derivedValues?.(key, value) ?? [])].sort((a, b) => (a.key < b.key ? -1 : 1));
  return pairs.map((pair) => ({
    Relation: "derives" as const,
    Label: pair.key,
    ExpectedKey: pair.key,
    MatchingKeys: others.has(pair.key) ? [pair.key] : [],
  }));
}
