import type { Etcd } from "@nsmkit/agent/etcd";
import type { ModelRegistry } from "@nsmkit/api/model";
import { type Clock, CodedError, type Logger } from "@nsmkit/core";
import { type Client, Controller, EventRecorder, type Informer, objectKey, splitKey } from "@nsmkit/kube";
import type { Claims } from "./declared/claims.ts";
import type { Declarations } from "./declared/declarations.ts";
import { byAge, type CnfConfigurationObject, cnfConfigurations } from "./declared/resource.ts";
import { clusterId, holdsLease } from "./identity.ts";
import type { CnfCrdMetrics } from "./metrics.ts";
import { Outcomes } from "./reconcile/outcomes.ts";
import { StoreReconciler } from "./reconcile/reconciler.ts";
import { Rush } from "./status/rush.ts";
import { StatusWriter } from "./status/writer.ts";
import { StoreKeeper } from "./store/keeper.ts";
import { type MirrorChange, StoreMirror } from "./store/mirror.ts";
import { RecordPlaces } from "./store/record.ts";
import { StoreWriter } from "./store/writer.ts";

export interface Leading {
  readonly client: Client;
  readonly etcd: Etcd;
  readonly informer: Informer<CnfConfigurationObject>;
  readonly declarations: Declarations;
  readonly claims: Claims;
  readonly models: ModelRegistry;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: CnfCrdMetrics;
  readonly identity: string;
  readonly lease: { readonly namespace: string; readonly name: string };
  readonly signal: AbortSignal;
}

/** Transactions under way at a time: enough to keep etcd's log busy, few enough for each to be quick. */
const storeConcurrency = 16;
const statusConcurrency = 4;
const backoff = { initialMs: 200, maxMs: 10_000 };
/** What happens within this time is one change of the status. */
const gatherMs = 250;
/** An agent that starts anew is back by then, and its states with it. */
const goneMs = 3_000;

/** All that only the leader does; ends when the signal is cancelled. @throws ABORTED when another one leads */
export async function leadStore(leading: Leading): Promise<void> {
  const { client, etcd, informer, claims, declarations, models, clock, logger, metrics, identity, lease } = leading;
  await using opened = new AsyncDisposableStack();
  const lost = new AbortController();
  const signal = AbortSignal.any([leading.signal, lost.signal]);
  const places = new RecordPlaces(await clusterId(client, { signal }));
  const mirror = new StoreMirror({
    places,
    onChange: (change) => onChange(change),
    now: () => clock.now(),
    onOddity: (key, what) => logger.warn("an entry in etcd cannot be read", { key, what }),
  });
  const rush = new Rush(clock);
  const writer = new StoreWriter({
    ...{ etcd, mirror, places, identity },
    onTxn: (result, durationMs) => {
      rush.wrote();
      metrics.txns.inc({ result });
      metrics.txnSeconds.observe(durationMs / 1000);
    },
  });
  const outcomes = new Outcomes((resource, outcome) => {
    // Also for one that is gone: what is remembered of it goes too.
    if (outcome) status.queue.addAfter(resource, gatherMs);
    else status.queue.add(resource);
  });
  const addAll = (): void => {
    const keys = informer.list().toSorted(byAge).map(objectKey);
    for (const key of new Set([...keys, ...mirror.resources()])) store.queue.add(key);
  };
  const keeper = new StoreKeeper({
    ...{ etcd, mirror, writer, places, identity, clock, logger },
    leads: (call) => holdsLease(client, lease, identity, call),
    onReady: addAll,
    onLost: () => lost.abort(new CodedError("ABORTED", "another controller was elected")),
  });
  const events = new EventRecorder({ client, controller: "cnf-crd", instance: identity, clock, logger });
  const reconciler = new StoreReconciler({
    ...{ informer, declarations, claims, models, mirror, keeper, writer, outcomes, clock, etcdName: etcd.name },
    exists: async (key, call) => (await client.find(cnfConfigurations, splitKey(key), call)) !== undefined,
    onRepaired: (object, keys) => {
      metrics.repairedKeys.inc(keys.length);
      const note = `somebody else had changed ${keys.join(", ")} in etcd`;
      void events.record(object, { type: "Warning", reason: "Repaired", action: "Reconcile", note }, { signal });
    },
    onReleased: () => {
      for (const resource of outcomes.having("conflict")) store.queue.add(resource);
    },
  });
  const statusWriter = new StatusWriter({
    ...{ client, informer, declarations, outcomes, mirror, events, rush, clock },
    onWrite: () => metrics.statusWrites.inc(),
  });
  const common = { clock, logger, backoff, metrics: metrics.kube };
  const store = new Controller({
    ...common,
    ...{ name: "cnf-store", concurrency: storeConcurrency, reconcile: (key, call) => reconciler.reconcile(key, call) },
  });
  const status = new Controller({
    ...common,
    ...{
      name: "cnf-status",
      concurrency: statusConcurrency,
      reconcile: (key, call) => statusWriter.reconcile(key, call),
    },
  });

  function onChange(change: MirrorChange): void {
    switch (change.kind) {
      case "value":
        for (const { cluster, resource } of mirror.ownersOf(change.key)) {
          if (cluster === places.cluster) store.queue.add(resource);
        }
        // Somebody's key that stood in the way may be gone.
        for (const object of claims.of(change.key)) store.queue.add(objectKey(object));
        return;
      case "record":
        store.queue.add(change.resource);
        return;
      case "state":
        for (const object of claims.of(change.key))
          status.queue.addAfter(objectKey(object), change.gone ? goneMs : gatherMs);
        return;
      case "agent":
        for (const object of claims.ofAgent(change.label))
          status.queue.addAfter(objectKey(object), change.gone ? goneMs : gatherMs);
        return;
      case "leader":
        if (mirror.leader !== identity) keeper.take();
        return;
      case "all":
        addAll();
        for (const object of informer.list()) status.queue.addAfter(objectKey(object), gatherMs);
    }
  }

  await informer.synced({ signal });
  const stopTelling = informer.onChange((change) => {
    const key = objectKey(change.object);
    // A status of our own or metadata of others say nothing of what is declared, but conditions may want an update.
    store.queue.add(key);
  });
  opened.defer(stopTelling);
  metrics.source = {
    get etcdReady() {
      return keeper.ready;
    },
    get states() {
      return informer.list().map(({ status: shown }) => (shown?.items ?? []).map(({ state }) => state));
    },
  };
  opened.defer(() => {
    metrics.source = undefined;
  });
  opened.use(store);
  opened.use(status);
  const keeping = keeper.run({ signal });
  opened.defer(() => keeping);
  store.start();
  status.start();
  addAll();
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
  if (!leading.signal.aborted) throw lost.signal.reason;
}
