/** Nodes that come with their Pods, report, restart and go, pressed together: what a large cluster does in an hour. */
import type { KubeClient, Resource, UnknownObject } from "@nsmkit/kube";
import { kindNamed } from "../../cmd/nsm-operator/src/inventory/kinds.ts";

const nodes: Resource = { group: "", version: "v1", kind: "Node", plural: "nodes", namespaced: false };
const pods: Resource = { group: "", version: "v1", kind: "Pod", plural: "pods", namespaced: true };

export interface ChurnOptions {
  readonly nodes: number;
  readonly pods: number;
  /** Where the mesh and its Pods are. */
  readonly namespace: string;
  /** Requests at a time. */
  readonly parallel: number;
}

/** @returns changes that were made */
export async function churn(admin: KubeClient, options: ChurnOptions): Promise<number> {
  const { namespace } = options;
  let changes = 0;
  const all = async (count: number, work: (i: number) => Promise<unknown>): Promise<void> => {
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let i = next++; i < count; i = next++) {
        await work(i);
        changes++;
      }
    };
    await Promise.all(Array.from({ length: options.parallel }, worker));
  };
  const node = (i: number) => `node-${i}`;
  const pod = (i: number) => ({ namespace, name: `pod-${i}` });
  await all(options.nodes, (i) =>
    admin.create<UnknownObject>(nodes, { apiVersion: "v1", kind: "Node", metadata: { name: node(i) } }),
  );
  await all(options.pods, (i) =>
    admin.create<UnknownObject>(pods, {
      ...{ apiVersion: "v1", kind: "Pod", metadata: { ...pod(i), labels: { app: "nsmgr" } } },
      spec: { nodeName: node(i % options.nodes), containers: [{ name: "main", image: "example.org/a:1" }] },
    }),
  );
  // Every node reports and every Pod becomes ready, falls and becomes ready again.
  for (const status of ["True", "False", "True"] as const) {
    const conditions = [{ type: "Ready", status, lastTransitionTime: new Date().toISOString() }];
    const report = { subresource: "status" } as const;
    await all(options.nodes, (i) => admin.mergePatch(nodes, { name: node(i) }, { status: { conditions } }, report));
    await all(options.pods, (i) => admin.mergePatch(pods, pod(i), { status: { conditions } }, report));
  }
  // What of it reaches the operator: the counts in the status of the mesh's DaemonSets.
  const { items } = await admin.list<UnknownObject>(kindNamed("DaemonSet"), { namespace });
  await all(options.nodes, (i) => {
    const object = items[i % items.length];
    const up = options.nodes - (i % 7);
    const status = { desiredNumberScheduled: options.nodes, numberReady: up, currentNumberScheduled: options.nodes };
    const at = { namespace, name: object?.metadata.name ?? "" };
    return admin.mergePatch(kindNamed("DaemonSet"), at, { status }, { subresource: "status" });
  });
  await all(options.pods, (i) => admin.delete(pods, pod(i)));
  await all(options.nodes, (i) => admin.delete(nodes, { name: node(i) }));
  return changes;
}
