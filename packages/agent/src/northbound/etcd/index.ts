export { type EtcdNorthbound, type EtcdNorthboundOptions, openEtcdNorthbound } from "./etcd.ts";
export { EtcdSource, type EtcdSourceOptions, type EtcdSourceStatus } from "./source.ts";
