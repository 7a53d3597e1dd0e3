/** The status of a CNFConfiguration, as definition.ts declares it. */

export type ItemState = "CONFIGURED" | "PENDING" | "FAILED" | "INVALID" | "UNKNOWN";

export interface ItemStatus {
  /** Place in `spec.configItems`, from 0. */
  readonly index: number;
  readonly microservice?: string;
  readonly model?: string;
  /** Without the agent's prefix. */
  readonly key?: string;
  readonly state: ItemState;
  readonly message?: string;
}

export type ConditionType = "Accepted" | "Stored" | "Ready";

export interface Condition {
  readonly type: ConditionType;
  readonly status: "True" | "False" | "Unknown";
  /** One CamelCase word. */
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
  readonly observedGeneration: number;
}

export interface CnfConfigurationStatus {
  readonly observedGeneration?: number;
  readonly conditions?: readonly Condition[];
  readonly items?: readonly ItemStatus[];
  /** "4/5" */
  readonly configured?: string;
  /** As the first controller wrote it: whether the values are in etcd. */
  readonly status?: "Success" | "Failure";
  readonly message?: string;
}

export function conditionOf(status: CnfConfigurationStatus | undefined, type: ConditionType): Condition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}

/** The order of fields and of list elements counts, as both sides are written by `computeStatus` or read from the API server. */
export function isSameStatus(a: CnfConfigurationStatus | undefined, b: CnfConfigurationStatus): boolean {
  return canonical(a ?? {}) === canonical(b);
}

/** The API server gives fields back in an order of its own. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
