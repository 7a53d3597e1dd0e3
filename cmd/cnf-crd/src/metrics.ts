import type { ItemState } from "@nsmkit/agent/cnf-configuration";
import { KubeMetrics } from "@nsmkit/kube";
import { Counter, Gauge, Histogram, Registry } from "prom-client";

const states: readonly ItemState[] = ["CONFIGURED", "PENDING", "FAILED", "INVALID", "UNKNOWN"];

/** What this program counts beside controller-runtime's figures. */
export class CnfCrdMetrics {
  readonly registry = new Registry();
  readonly kube = new KubeMetrics(this.registry);
  readonly txns = new Counter({
    name: "cnf_crd_etcd_transactions_total",
    help: "Transactions on etcd: done, outrun (something had changed) or error",
    labelNames: ["result"] as const,
    registers: [this.registry],
  });
  readonly txnSeconds = new Histogram({
    name: "cnf_crd_etcd_transaction_duration_seconds",
    help: "How long transactions on etcd take",
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers: [this.registry],
  });
  readonly repairedKeys = new Counter({
    name: "cnf_crd_repaired_keys_total",
    help: "Keys that somebody else had changed or deleted and that were put right",
    registers: [this.registry],
  });
  readonly statusWrites = new Counter({
    name: "cnf_crd_status_writes_total",
    help: "Status of CNFConfigurations written",
    registers: [this.registry],
  });
  readonly etcdReady: Gauge;
  readonly items: Gauge<"state">;
  readonly resources: Gauge;
  /** What the figures are made from when somebody asks; undefined while there is nothing to tell. */
  source: { readonly etcdReady: boolean; readonly states: Iterable<readonly ItemState[]> } | undefined;

  constructor() {
    const registers = [this.registry];
    this.etcdReady = new Gauge({
      name: "cnf_crd_etcd_ready",
      help: "1 while this process leads and can write to etcd",
      registers,
      collect: () => this.etcdReady.set(this.source?.etcdReady ? 1 : 0),
    });
    this.resources = new Gauge({
      name: "cnf_crd_resources",
      help: "CNFConfigurations",
      registers,
      collect: () => this.resources.set([...(this.source?.states ?? [])].length),
    });
    this.items = new Gauge({
      name: "cnf_crd_items",
      help: "Items of CNFConfigurations by their state",
      labelNames: ["state"] as const,
      registers,
      collect: () => {
        const counts = new Map<ItemState, number>(states.map((state) => [state, 0]));
        for (const list of this.source?.states ?? [])
          for (const state of list) counts.set(state, (counts.get(state) ?? 0) + 1);
        for (const [state, count] of counts) this.items.set({ state }, count);
      },
    });
  }
}
