export { appliedFields, findDrift } from "./apply/drift.ts";
export { type CacheChange, Informer, type InformerOptions } from "./cache/informer.ts";
export {
  type ApplyOptions,
  type CallOptions,
  type Client,
  type DeleteOptions,
  KubeClient,
  type ListOptions,
  type Named,
  type ObjectList,
  type PatchOptions,
  type WatchEvent,
  type WatchOptions,
} from "./client/client.ts";
export { type ClientTls, type ClusterConfig, inClusterConfig, loadKubeconfig } from "./client/config.ts";
export { isExpired, retryAfterMs } from "./client/status.ts";
export type { TransportOptions } from "./client/transport.ts";
export { Controller, type ControllerOptions, type Reconcile, type Reconciled } from "./controller/controller.ts";
export { EventRecorder, type EventText } from "./events/recorder.ts";
export { LeaderElection, type LeaderElectionOptions } from "./leader/lease.ts";
export { KubeMetrics } from "./metrics/metrics.ts";
export { QueueMetrics } from "./metrics/queue-metrics.ts";
export { WebhookMetrics } from "./metrics/webhook-metrics.ts";
export {
  apiVersionOf,
  type FieldSet,
  type KubeObject,
  kindText,
  type ManagedFields,
  type ObjectMeta,
  type OwnerReference,
  objectKey,
  type Resource,
  type ResourceName,
  splitKey,
  type UnknownObject,
} from "./object.ts";
export { WorkQueue, type WorkQueueOptions } from "./queue/workqueue.ts";
export { type ClusterPlace, clusterOf } from "./settings/cluster.ts";
