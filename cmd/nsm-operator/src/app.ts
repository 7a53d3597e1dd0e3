import { randomUUID } from "node:crypto";
import { type Clock, type Closable, CodedError, type Logger, messageOf, systemClock } from "@nsmkit/core";
import { parseListenAddress } from "@nsmkit/core/config";
import { type Client, Controller, EventRecorder, KubeMetrics, LeaderElection, objectKey } from "@nsmkit/kube";
import { serveAdmission } from "@nsmkit/kube/admission";
import { collectDefaultMetrics, Gauge, Registry } from "prom-client";
import { admissionDoor } from "./admission/door.ts";
import { path, review } from "./admission/review.ts";
import { refuseRival } from "./admission/rivals.ts";
import { MeshCertificates } from "./certificates/mesh-certificates.ts";
import { installDefinitions } from "./definitions.ts";
import { Inventory } from "./inventory/inventory.ts";
import { kindNamed } from "./inventory/kinds.ts";
import { meshLabelValue } from "./mesh/marks.ts";
import type { MeshPort } from "./mesh/port.ts";
import { registerMeshMetrics } from "./metrics/mesh-metrics.ts";
import { MeshReconciler } from "./reconcile/reconciler.ts";
import { serveProbes } from "./serve/probes.ts";
import type { OperatorConfig } from "./settings.ts";
import { WatchedMeshes } from "./status/meshes.ts";
import { StatusWriter } from "./status/writer.ts";

export interface OperatorDeps {
  readonly client: Client;
  readonly port: MeshPort;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** Where its figures go; default one of its own. */
  readonly metrics?: { readonly registry: Registry; readonly kube: KubeMetrics };
}

export interface RunningOperator extends Closable {
  /** Of the probes and metrics. */
  readonly port: number;
  /** Of the admission webhook. */
  readonly webhookPort: number;
  readonly leading: boolean;
  /** Whether the webhook has a certificate. */
  readonly webhookReady: boolean;
  /** Rejects when the operator cannot go on; resolves when it was closed. */
  readonly done: Promise<void>;
}

/** Where it is in its start, for the readiness probe. */
interface Progress {
  leading: boolean;
  ready: boolean;
}

export function createMetrics(): { readonly registry: Registry; readonly kube: KubeMetrics } {
  const registry = new Registry();
  return { registry, kube: new KubeMetrics(registry) };
}

/**
 * Starts an operator: probes at once, then the election, and as leader the definitions, the caches and the controller.
 * A follower only renews its wish to lead; it holds no cache.
 */
export async function createNsmOperator(config: OperatorConfig, deps: OperatorDeps): Promise<RunningOperator> {
  const { client, logger } = deps;
  const clock = deps.clock ?? systemClock;
  await using opened = new AsyncDisposableStack();
  const { registry, kube: metrics } = deps.metrics ?? createMetrics();
  collectDefaultMetrics({ register: registry });
  const progress: Progress = { leading: false, ready: false };
  const ready = (): { ok: boolean; reason: string } => {
    if (!progress.leading) return { ok: true, reason: "standing by" };
    return { ok: progress.ready, reason: progress.ready ? "leading" : "filling the caches" };
  };
  const probes = opened.use(await serveProbes({ ...parseListenAddress(config.listenOn), registry, ready }));
  const admission = opened.use(
    await serveAdmission({
      ...parseListenAddress(config.webhookListenOn),
      webhooks: {
        [path]: async (request) =>
          (await refuseRival(request, client, config.watchNamespaces)) ?? review(request, deps.port),
      },
      ...{ logger, metrics: metrics.webhooks },
    }),
  );
  const stop = new AbortController();
  const identity = `${config.podName}_${randomUUID()}`;
  const election = new LeaderElection({
    ...{ client, identity, clock, logger, metrics },
    namespace: config.operatorNamespace ?? "default",
    name: config.operatorName,
  });
  const lead = ({ signal }: { signal: AbortSignal }): Promise<void> =>
    leadMeshes({
      onReady: () => door.wake(),
      config,
      deps: { ...deps, clock },
      metrics,
      registry,
      progress,
      identity,
      signal,
    });
  const namespace = config.operatorNamespace ?? "default";
  const { operatorName, watchNamespaces, webhookUrl } = config;
  const door = admissionDoor({
    ...{ client, clock, logger, metrics, server: admission, leads: () => progress.ready },
    place: {
      ...{ operatorName, namespace, watchNamespaces, port: admission.port },
      ...(webhookUrl === undefined ? {} : { url: webhookUrl }),
    },
  });
  const keeping = door.run({ signal: stop.signal });
  const done = election.run(lead, { signal: stop.signal }).then((end) => {
    // Another process leads now; what this one has in its caches and on its way must not go on.
    if (end === "lost" && !stop.signal.aborted)
      throw new CodedError("ABORTED", "the Lease was lost: another operator leads");
  });
  const finished = done.catch((error: unknown) => {
    if (stop.signal.aborted) return;
    throw error;
  });
  finished.catch((error: unknown) => logger.error("the operator stops", { reason: messageOf(error) }));
  const running = opened.move();
  const close = async (): Promise<void> => {
    stop.abort();
    await finished.catch(() => {});
    await keeping;
    await running.disposeAsync();
  };
  return {
    port: probes.port,
    webhookPort: admission.port,
    get leading() {
      return progress.leading;
    },
    get webhookReady() {
      return door.ready;
    },
    done: finished,
    close,
    [Symbol.asyncDispose]: close,
  };
}

interface Leading {
  readonly config: OperatorConfig;
  readonly deps: OperatorDeps & { readonly clock: Clock };
  readonly metrics: KubeMetrics;
  readonly registry: Registry;
  readonly progress: Progress;
  readonly onReady: () => void;
  readonly identity: string;
  readonly signal: AbortSignal;
}

/** All that only the leader does; ends when the signal is cancelled. */
async function leadMeshes({
  config,
  deps,
  metrics,
  registry,
  progress,
  onReady,
  identity,
  signal,
}: Leading): Promise<void> {
  const { client, port, clock, logger } = deps;
  await using opened = new AsyncDisposableStack();
  progress.leading = true;
  opened.defer(() => {
    progress.leading = false;
    progress.ready = false;
  });
  await installDefinitions(client, port.definitions, { clock, logger, signal });
  const { watchNamespaces } = config;
  const meshes = opened.use(new WatchedMeshes(client, watchNamespaces, { clock, logger }));
  const controller = new Controller({
    name: "nsm",
    reconcile: (key, call) => reconciler.reconcile(key, call),
    // After a long outage a mesh shall not wait for a quarter of an hour.
    backoff: { initialMs: 20, maxMs: 30_000 },
    clock,
    logger,
    metrics,
  });
  const keys = new Map<string, string>();
  const inventory = opened.use(
    new Inventory({
      ...{ client, namespaces: watchNamespaces, clock, logger },
      onChange: (label) => {
        const key = keys.get(label);
        if (key !== undefined) controller.queue.add(key);
      },
    }),
  );
  const events = new EventRecorder({ client, controller: config.operatorName, instance: identity, clock, logger });
  const status = new StatusWriter({ client, events, meshes, clock });
  const certificates = new MeshCertificates({ inventory, clock });
  const reconciler = new MeshReconciler({
    ...{ client, port, inventory, meshes, certificates, status, clock },
    progressDeadlineMs: config.progressDeadlineMs,
  });
  meshes.onChange((change) => {
    const { namespace = "", name = "" } = change.object.metadata;
    keys.set(meshLabelValue(namespace, name), objectKey(change.object));
    controller.queue.add(objectKey(change.object));
    // One that was refused may have its turn now.
    if (change.type === "deleted") for (const other of meshes.list()) controller.queue.add(objectKey(other));
  });
  meshes.start();
  await Promise.all([meshes.synced({ signal }), inventory.start({ signal })]);
  const held: Gauge = new Gauge({
    name: "nsm_operator_objects",
    help: "Objects of meshes in the cache",
    registers: [registry],
    collect: (): void => held.set(inventory.size),
  });
  opened.defer(() => registry.removeSingleMetric("nsm_operator_objects"));
  const secrets = kindNamed("Secret");
  opened.defer(registerMeshMetrics({ registry, meshes, secrets: () => inventory.ofKind(secrets) }));
  const watching = new AbortController();
  const again = (): void => {
    for (const mesh of meshes.list()) controller.queue.add(objectKey(mesh));
  };
  const watched = port.watchPlatform?.(clock, again, { signal: AbortSignal.any([signal, watching.signal]) });
  opened.defer(async () => {
    watching.abort();
    await watched;
  });
  opened.use(controller);
  controller.start();
  progress.ready = true;
  onReady();
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
