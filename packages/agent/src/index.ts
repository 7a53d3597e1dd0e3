export { type Agent, type AgentCore, type AgentOptions, type AgentPlugin, createAgent } from "./agent.ts";
export { type Declaration, type ReadOptions, readDeclaration } from "./northbound/files/document.ts";
export type { FileStatus } from "./northbound/files/file-source.ts";
export type { Item } from "./northbound/item.ts";
export { type Applied, type ApplyOptions, type Check, Northbound } from "./northbound/northbound.ts";
export type { AgentSource, SourceCore } from "./northbound/source.ts";
export { type Change, Store } from "./northbound/store.ts";
