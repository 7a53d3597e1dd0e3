/** What this controller keeps in etcd for itself: whose key is whose, and who leads. Outside of the agents' prefix. */
import { createHash } from "node:crypto";
import type { DeclaredPair } from "@nsmkit/agent/cnf-configuration";

/** Start of everything that any cnf-crd keeps for itself. */
export const recordsRoot = "/cnf-crd/";

/** Which keys under the agents' prefix are those of one resource. */
export interface OwnerRecord {
  /** Of the resource. */
  readonly uid: string;
  /** Of the resource, when this was written last. */
  readonly generation: number;
  /** Of all its keys and values; "" while a resource that takes several transactions is on its way. */
  readonly hash: string;
  readonly keys: readonly string[];
}

/** Clusters may share one etcd: each has a folder of its own. */
export class RecordPlaces {
  readonly cluster: string;

  /** @param cluster what tells this cluster from others: the uid of its namespace kube-system */
  constructor(cluster: string) {
    this.cluster = cluster;
  }

  /** Its value is the identity of the one controller that may write. */
  get leaderKey(): string {
    return `${recordsRoot}${this.cluster}/leader`;
  }

  /** @param resource `namespace/name` */
  ownerKey(resource: string): string {
    return `${recordsRoot}${this.cluster}/owner/${resource}`;
  }
}

export interface OwnerPlace {
  readonly cluster: string;
  /** `namespace/name` */
  readonly resource: string;
}

/** @returns undefined for a key that holds no owner record */
export function readOwnerKey(key: string): OwnerPlace | undefined {
  const [, cluster, resource] = /^\/cnf-crd\/([^/]+)\/owner\/([^/]+\/[^/]+)$/.exec(key) ?? [];
  return cluster === undefined || resource === undefined ? undefined : { cluster, resource };
}

export function formatRecord({ uid, generation, hash, keys }: OwnerRecord): string {
  return JSON.stringify({ uid, generation, hash, keys });
}

/** @returns undefined for what is none: whoever may write to etcd may have written it */
export function readRecord(text: string): OwnerRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { uid, generation, hash, keys } = value as Record<string, unknown>;
  if (typeof uid !== "string" || typeof hash !== "string" || !Number.isSafeInteger(generation)) return undefined;
  if (!Array.isArray(keys) || !keys.every((key) => typeof key === "string")) return undefined;
  return { uid, generation: generation as number, hash, keys };
}

export function hashOf(pairs: readonly Pick<DeclaredPair, "key" | "value">[]): string {
  const hash = createHash("sha256");
  for (const { key, value } of [...pairs].sort((a, b) => (a.key < b.key ? -1 : 1))) hash.update(`${key}\n${value}\n`);
  return hash.digest("base64url");
}
