export { KernelCrossConnector, type KernelCrossConnectorOptions } from "./kernel/crossconnector.ts";
