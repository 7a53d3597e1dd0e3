import { type Clock, isCodedError } from "@nsmkit/core";
import { type Client, Informer, type UnknownObject } from "@nsmkit/kube";
import { kindNamed } from "../inventory/kinds.ts";

/** How a workload fares; default: all its Pods are ready. */
export type Fate = (workload: UnknownObject) => "ready" | "stuck";

/**
 * Plays kubelets and controllers for an API server that has none: workloads become ready as soon as they are seen, on three
 * nodes, and definitions are established where the server itself does not do it.
 */
export class FakeKubelets implements AsyncDisposable {
  readonly #client: Client;
  readonly #informers: readonly Informer<UnknownObject>[];
  readonly #stop = new AbortController();
  fate: Fate = () => "ready";

  constructor(client: Client, options: { establish?: boolean; clock?: Clock } = {}) {
    this.#client = client;
    const names = [
      "Deployment",
      "DaemonSet",
      "StatefulSet",
      ...(options.establish ? ["CustomResourceDefinition"] : []),
    ];
    this.#informers = names.map((name) => {
      const clock = options.clock ? { clock: options.clock } : {};
      const informer = new Informer<UnknownObject>({ client, resource: kindNamed(name), ...clock });
      informer.onChange(({ type, object }) => {
        if (type !== "deleted") void this.#act(object);
      });
      return informer;
    });
  }

  start(): void {
    for (const informer of this.#informers) informer.start();
  }

  /** Looks at all again, after `fate` changed. */
  async again(): Promise<void> {
    await Promise.all(this.#informers.flatMap((informer) => informer.list().map((object) => this.#act(object))));
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#informers.map((informer) => informer.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #act(object: UnknownObject): Promise<void> {
    const { name = "", namespace } = object.metadata;
    const at = namespace === undefined ? { name } : { name, namespace };
    const status = statusFor(object, this.fate(object));
    if (JSON.stringify(status) === JSON.stringify(pick(object.status, status))) return;
    while (!this.#stop.signal.aborted) {
      try {
        await this.#client.mergePatch(kindNamed(object.kind), at, { status }, { subresource: "status" });
        return;
      } catch (error) {
        if (!isCodedError(error)) throw error;
        // Deleted meanwhile; or the server is being restarted, and nothing else may ever happen to the object.
        if (!error.retryable) return;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }
}

function statusFor(object: UnknownObject, fate: "ready" | "stuck"): Record<string, unknown> {
  const observedGeneration = object.metadata.generation ?? 0;
  const up = fate === "ready";
  if (object.kind === "CustomResourceDefinition") return { conditions: [{ type: "Established", status: "True" }] };
  if (object.kind === "DaemonSet") {
    return {
      ...{ observedGeneration, desiredNumberScheduled: 3, currentNumberScheduled: 3, numberMisscheduled: 0 },
      ...{ updatedNumberScheduled: up ? 3 : 1, numberReady: up ? 3 : 2, numberAvailable: up ? 3 : 2 },
    };
  }
  const replicas = (object.spec as { replicas?: number }).replicas ?? 1;
  const good = up ? replicas : 0;
  return { observedGeneration, replicas, updatedReplicas: replicas, readyReplicas: good, availableReplicas: good };
}

function pick(value: unknown, like: Record<string, unknown>): unknown {
  const from = (value ?? {}) as Record<string, unknown>;
  return Object.fromEntries(Object.keys(like).map((key) => [key, from[key]]));
}
