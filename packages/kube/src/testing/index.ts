export { type Intercept, MemoryApiServer, type Verb } from "./apiserver.ts";
export { assertExpires, type ConfigMap, clientCases, configMap, configMaps } from "./client-cases.ts";
