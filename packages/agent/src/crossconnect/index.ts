export type { SideCounters } from "./kernel/counters.ts";
export { KernelCrossConnector, type KernelCrossConnectorOptions } from "./kernel/crossconnector.ts";
export type { LivingNamespaces } from "./kernel/living.ts";
