import { type Clock, type Logger, silentLogger, systemClock } from "@nsmkit/core";
import type { Client } from "../client/client.ts";
import type { KubeObject, Resource } from "../object.ts";

interface Event extends KubeObject {
  readonly [field: string]: unknown;
}

const events: Resource<Event> = {
  group: "events.k8s.io",
  version: "v1",
  kind: "Event",
  plural: "events",
  namespaced: true,
};

export interface EventText {
  readonly type: "Normal" | "Warning";
  /** CamelCase, for machines. */
  readonly reason: string;
  /** What was done. */
  readonly action: string;
  /** For people; up to 1 kB is kept. */
  readonly note: string;
}

/** The same event about the same object is counted instead of written again within this time. */
const sameMs = 10 * 60_000;

/** Writes events.k8s.io/v1 Events. An event is a courtesy: a failure to write one is logged and forgotten. */
export class EventRecorder {
  readonly #client: Pick<Client, "create" | "mergePatch">;
  readonly #controller: string;
  readonly #instance: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #recent = new Map<string, { name: string; namespace: string; count: number; atMs: number }>();

  constructor(options: {
    client: Pick<Client, "create" | "mergePatch">;
    controller: string;
    instance: string;
    clock?: Clock;
    logger?: Logger;
  }) {
    this.#client = options.client;
    this.#controller = options.controller;
    this.#instance = options.instance;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
  }

  async record(about: KubeObject, text: EventText, options: { signal: AbortSignal }): Promise<void> {
    const namespace = about.metadata.namespace ?? "default";
    const key = JSON.stringify([about.metadata.uid ?? about.metadata.name, text.type, text.reason, text.note]);
    const nowMs = this.#clock.now();
    for (const [old, { atMs }] of this.#recent) if (nowMs - atMs > sameMs) this.#recent.delete(old);
    const time = new Date(nowMs).toISOString().replace("Z", "000Z");
    const recent = this.#recent.get(key);
    try {
      if (recent) {
        recent.count++;
        recent.atMs = nowMs;
        await this.#client.mergePatch(
          events,
          recent,
          { series: { count: recent.count, lastObservedTime: time } },
          options,
        );
        return;
      }
      const name = `${about.metadata.name?.slice(0, 200)}.${nowMs.toString(16)}${Math.floor(Math.random() * 2 ** 24).toString(16)}`;
      this.#recent.set(key, { name, namespace, count: 1, atMs: nowMs });
      const { apiVersion, kind, metadata } = about;
      await this.#client.create(
        events,
        {
          apiVersion: "events.k8s.io/v1",
          kind: "Event",
          metadata: { name, namespace },
          eventTime: time,
          type: text.type,
          reason: text.reason,
          action: text.action,
          note: text.note.slice(0, 1024),
          reportingController: this.#controller,
          reportingInstance: this.#instance.slice(0, 128),
          regarding: { apiVersion, kind, namespace: metadata.namespace, name: metadata.name, uid: metadata.uid },
        },
        options,
      );
    } catch (error) {
      this.#recent.delete(key);
      this.#logger.debug("an event could not be written", { error, reason: text.reason });
    }
  }
}
