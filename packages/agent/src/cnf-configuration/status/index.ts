// The status of a CNFConfiguration, computed from what is known of its values.
export { computeStatus, type Progress, type StatusInput } from "./compute.ts";
export type { AgentPresence, ReportedStates } from "./items.ts";
export {
  type CnfConfigurationStatus,
  type Condition,
  type ConditionType,
  conditionOf,
  type ItemState,
  type ItemStatus,
  isSameStatus,
} from "./status.ts";
