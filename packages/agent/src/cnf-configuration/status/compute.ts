import type { DeclaredPair, DeclaredProblem } from "../pairs.ts";
import { type ReportedStates, refusedItems, reportedItems, waitingItems } from "./items.ts";
import type { CnfConfigurationStatus, Condition, ConditionType, ItemState, ItemStatus } from "./status.ts";

/** How far the resource has come. */
export type Progress =
  | { readonly kind: "invalid"; readonly problems: readonly DeclaredProblem[] }
  /** Others have what it declares. */
  | { readonly kind: "conflict"; readonly problems: readonly DeclaredProblem[] }
  /** It is right, but not where agents find it. */
  | { readonly kind: "waiting"; readonly reason: string; readonly message: string }
  | { readonly kind: "stored" }
  /** For agents that read resources themselves: there is no store, and no condition about one. */
  | { readonly kind: "read" };

export interface StatusInput {
  readonly generation: number;
  /** How many items `spec` has. */
  readonly itemCount: number;
  /** Empty when it is invalid. */
  readonly pairs: readonly DeclaredPair[];
  readonly progress: Progress;
  readonly reported: ReportedStates;
  /** The status so far, for the times of transitions. */
  readonly before: CnfConfigurationStatus | undefined;
  /** RFC 3339, whole seconds. */
  readonly now: string;
}

type Finding = Pick<Condition, "status" | "reason" | "message">;

/** The status of a CNFConfiguration; a pure function, equal for equal facts but for the times of transitions. */
export function computeStatus(input: StatusInput): CnfConfigurationStatus {
  const { generation, progress, itemCount } = input;
  const items = itemsOf(input);
  const configured = items.filter(({ state }) => state === "CONFIGURED").length;
  const findings: readonly [ConditionType, Finding][] = [
    ["Accepted", accepted(progress)],
    ...(progress.kind === "read" ? [] : [["Stored", stored(progress)] as [ConditionType, Finding]]),
    ["Ready", ready(progress, items)],
  ];
  const conditions = findings.map(([type, finding]) => conditionAfter(type, finding, input));
  const isStored = progress.kind === "stored" || progress.kind === "read";
  return {
    observedGeneration: generation,
    conditions,
    items: shownItems(items),
    configured: `${configured}/${itemCount}`,
    status: isStored ? "Success" : "Failure",
    message: conditions.find(({ type }) => type === "Ready")?.message ?? "",
  };
}

/** A status lies in one object with its resource, which etcd takes up to 1.5 MiB. */
const mostItems = 1_000;

/** All of them, or of very many those that people look for. */
function shownItems(items: readonly ItemStatus[]): readonly ItemStatus[] {
  if (items.length <= mostItems) return items;
  return items.filter(({ state }) => state !== "CONFIGURED").slice(0, mostItems);
}

function itemsOf({ pairs, progress, reported, itemCount }: StatusInput): ItemStatus[] {
  switch (progress.kind) {
    case "invalid":
      return refusedItems(itemCount, pairs, progress.problems, "INVALID");
    case "conflict":
      return refusedItems(itemCount, pairs, progress.problems, "FAILED");
    case "waiting":
      return waitingItems(pairs, progress.message);
    case "stored":
    case "read":
      return reportedItems(pairs, reported);
  }
}

function accepted(progress: Progress): Finding {
  if (progress.kind !== "invalid" && progress.kind !== "conflict")
    return { status: "True", reason: "Accepted", message: "every item is right" };
  const reason = progress.kind === "invalid" ? "Invalid" : "Conflict";
  return { status: "False", reason, message: summary(progress.problems) };
}

function stored(progress: Progress): Finding {
  switch (progress.kind) {
    case "invalid":
    case "conflict":
      return {
        status: "False",
        reason: "NotAccepted",
        message: "nothing of this generation is in etcd; what an earlier one put there stays",
      };
    case "waiting":
      return { status: "False", reason: progress.reason, message: progress.message };
    default:
      return { status: "True", reason: "Stored", message: "every item is in etcd" };
  }
}

const inOrder: readonly { state: ItemState; status: "False" | "Unknown"; reason: string; text: string }[] = [
  { state: "INVALID", status: "False", reason: "ItemsInvalid", text: "invalid" },
  { state: "FAILED", status: "False", reason: "ItemsFailed", text: "failed" },
  { state: "PENDING", status: "False", reason: "ItemsPending", text: "pending" },
  { state: "UNKNOWN", status: "Unknown", reason: "NotReported", text: "unknown" },
];

function ready(progress: Progress, items: readonly ItemStatus[]): Finding {
  if (progress.kind === "invalid" || progress.kind === "conflict") {
    const { reason, message } = accepted(progress);
    return { status: "False", reason, message };
  }
  if (progress.kind === "waiting") return { status: "False", reason: "NotStored", message: progress.message };
  for (const { state, status, reason, text } of inOrder) {
    const such = items.filter((item) => item.state === state);
    const [first] = such;
    if (!first) continue;
    const why = `item ${first.index + 1} (${first.model ?? "?"}): ${first.message ?? text}`;
    const count = such.length === 1 ? "" : `${such.length} of ${items.length} items are ${text}, `;
    return { status, reason, message: `${count}${why}` };
  }
  return { status: "True", reason: "Configured", message: `${items.length} of ${items.length} items are configured` };
}

/** Conditions have room for 32,768 characters; nobody reads that many. */
const shownProblems = 5;

function summary(problems: readonly DeclaredProblem[]): string {
  const lines = problems.slice(0, shownProblems).map(({ place, text }) => `${place}: ${text}`.slice(0, 600));
  const more = problems.length - lines.length;
  return lines.join("; ") + (more > 0 ? `; and ${more} more` : "");
}

/** The time is that of a changed status, as the API conventions want it. */
function conditionAfter(type: ConditionType, finding: Finding, { before, generation, now }: StatusInput): Condition {
  const old = before?.conditions?.find((condition) => condition.type === type);
  const lastTransitionTime = old?.status === finding.status ? old.lastTransitionTime : now;
  return { type, ...finding, lastTransitionTime, observedGeneration: generation };
}
