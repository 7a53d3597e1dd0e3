import type { ModelRegistry } from "@nsmkit/api/model";
import { type Clock, type Closable, isCodedError, type Logger } from "@nsmkit/core";
import { type Client, Controller } from "@nsmkit/kube";
import type { BaseValueStatus, ValueStatus } from "@nsmkit/scheduler";
import type { DeclaredPair } from "../../cnf-configuration/pairs.ts";
import {
  type CnfConfigurationStatus,
  computeStatus,
  type ItemStatus,
  isSameStatus,
  type ReportedStates,
} from "../../cnf-configuration/status/index.ts";
import { overallStatus } from "../../value-status.ts";
import type { Declaration } from "./declarations.ts";
import { cnfConfigurations, concerns, itemCount } from "./resource.ts";

export interface StatusWriterOptions {
  readonly client: Pick<Client, "mergePatch">;
  readonly label: string;
  /** What this agent can configure. */
  readonly models: ModelRegistry;
  declarationOf(resource: string): Declaration | undefined;
  statusOf(key: string): BaseValueStatus;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** States pass quickly while values are being configured; only what lasts as long as this is written, ms. */
const settleMs = 100;

/**
 * Writes to each resource what became of it. Of items for other agents it leaves what these have written, and a write
 * that met another's is done again on top of that, so that several agents can share a resource.
 */
export class StatusWriter implements Closable {
  readonly #options: StatusWriterOptions;
  readonly #controller: Controller;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
    this.#controller = new Controller({
      name: "cnfconfiguration-status",
      reconcile: (resource, { signal }) => this.#write(resource, signal),
      concurrency: 4,
      backoff: { initialMs: 100, maxMs: 30_000 },
      clock: options.clock,
      logger: options.logger,
    });
  }

  start(): void {
    this.#controller.start();
  }

  /** @param resource of which something has changed */
  consider(resource: string): void {
    this.#controller.queue.addAfter(resource, settleMs);
  }

  close(): Promise<void> {
    return this.#controller.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #write(resource: string, signal: AbortSignal): Promise<undefined> {
    const { label, client, clock } = this.#options;
    const declaration = this.#options.declarationOf(resource);
    if (!declaration || !concerns(declaration.object, label)) return;
    const { object, pairs, progress } = declaration;
    const { name = "", namespace, generation = 0, resourceVersion } = object.metadata;
    const status = computeStatus({
      generation,
      itemCount: itemCount(object),
      pairs,
      progress,
      reported: this.#reported(object.status),
      before: object.status,
      now: new Date(clock.now()).toISOString().replace(/\.\d+Z$/, "Z"),
    });
    if (isSameStatus(object.status, status)) return;
    try {
      await client.mergePatch(
        cnfConfigurations,
        { name, ...(namespace === undefined ? {} : { namespace }) },
        { metadata: { resourceVersion }, status },
        { subresource: "status", signal },
      );
    } catch (error) {
      // The watch brings what was written meanwhile, or that the resource is gone, and then it is considered again.
      if (!isCodedError(error, "CONFLICT") && !isCodedError(error, "NOT_FOUND")) throw error;
    }
  }

  #reported(before: CnfConfigurationStatus | undefined): ReportedStates {
    const { label } = this.#options;
    const others = new Map<string, ItemStatus>();
    for (const item of before?.items ?? [])
      if (item.microservice !== label) others.set(`${item.microservice} ${item.key}`, item);
    return {
      stateOf: (pair) => (pair.label === label ? this.#stateOf(pair) : undefined),
      toldOf: (pair) => others.get(`${pair.label} ${pair.itemKey}`),
      agentOf: (agent) => (agent === label ? "reporting" : "absent"),
    };
  }

  #stateOf({ itemKey: key }: DeclaredPair): ValueStatus | undefined {
    if (!this.#options.models.modelOfKey(key)) return { key, state: "UNIMPLEMENTED" };
    const status = overallStatus(this.#options.statusOf(key));
    return status.state === "NONEXISTENT" ? undefined : status;
  }
}
