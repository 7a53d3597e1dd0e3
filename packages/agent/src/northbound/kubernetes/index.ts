export { KubernetesSource, type KubernetesSourceOptions, type KubernetesSourceStatus } from "./source.ts";
