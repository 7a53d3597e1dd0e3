import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { NetworkServiceEndpoint } from "@nsmkit/api/registry";
import { CodedError } from "@nsmkit/core";
import fc from "fast-check";
import { endpoint, Replicas } from "../testing/replicas.ts";
import type { KubernetesRegistry } from "./registry.ts";

/** Grace for leases that a dead replica gave, and for those that ended while nobody ran (collector.ts). */
const lateMs = 5_000;
const periodMs = 60_000;

type Step =
  | {
      readonly do: "register" | "refresh" | "unregister";
      readonly at: number;
      readonly name: string;
      readonly url: number;
    }
  | { readonly do: "crash" | "restart"; readonly at: number }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "cut" | "expireVersions" };

const replica = fc.nat({ max: 2 });
const name = fc.constantFrom("a", "b", "c");
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom("register", "refresh", "unregister"),
      at: replica,
      name,
      url: fc.nat({ max: 2 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("crash", "restart"), at: replica }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("wait"), ms: fc.constantFrom(1, 10_000, 29_999, 30_001, 61_000) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("cut", "expireVersions") }) },
) as fc.Arbitrary<Step>;

/** What one registry in memory would hold: name to URL and end of the lease. */
type Model = Map<string, { readonly url: string; readonly endMs: number; readonly first: NetworkServiceEndpoint }>;

class World {
  readonly all = new Replicas();
  readonly #running: (KubernetesRegistry | undefined)[] = [];
  readonly #model: Model = new Map();

  async open(): Promise<void> {
    for (let at = 0; at < 3; at++) this.#running[at] = await this.all.start();
  }

  async play(step: Step): Promise<void> {
    const { all } = this;
    if (step.do === "wait") await all.clock.advance(step.ms);
    else if (step.do === "cut") all.server.cutWatches();
    else if (step.do === "expireVersions") {
      all.server.compact();
      all.server.cutWatches();
      // The caches list again after a pause.
      await all.clock.advance(1_000);
    } else if (step.do === "crash") {
      const dying = this.#running[step.at];
      this.#running[step.at] = undefined;
      if (dying) await all.crash(dying);
    } else if (step.do === "restart") {
      this.#running[step.at] ??= await all.start();
    } else await this.#call(step as Extract<Step, { url: number }>);
    await all.settled();
  }

  async #call(step: Extract<Step, { url: number }>): Promise<void> {
    const { all } = this;
    const target = this.#running[step.at];
    if (!target) return;
    const known = this.#model.get(step.name);
    if (step.do === "unregister") {
      await target.endpoints.close(all.context(), endpoint({ name: step.name }));
      this.#model.delete(step.name);
      return;
    }
    // A refresh repeats what was registered and says since when; a registration knows nothing.
    const renewal = step.do === "refresh" && known ? known.first : undefined;
    if (step.do === "refresh" && !renewal) return;
    const asked = renewal
      ? endpoint({ ...renewal, expirationTime: undefined as never })
      : endpoint({ name: step.name, url: `tcp://10.0.0.${step.url}:1`, networkServiceNames: ["s"] });
    const reply = await target.endpoints.request(all.context(), asked);
    assert.ok(reply.expirationTime);
    const endMs = timestampMs(reply.expirationTime);
    // Never more than the period, and a renewal that was not written left at least half of it.
    assert.ok(endMs <= all.clock.now() + periodMs && endMs >= all.clock.now() + periodMs / 2);
    this.#model.set(step.name, { url: asked.url, endMs, first: reply });
  }

  /** Every replica that runs holds what the one registry would. */
  async check(): Promise<void> {
    const now = this.all.clock.now();
    for (const [name, { endMs }] of this.#model) if (endMs + lateMs <= now) this.#model.delete(name);
    for (const registry of this.#running) {
      if (!registry) continue;
      const found = new Map((await this.all.endpoints(registry)).map((entry) => [entry.name, entry]));
      for (const [name, { url, endMs }] of this.#model)
        if (endMs > now) assert.equal(found.get(name)?.url, url, `"${name}" is registered`);
      for (const [name, { url }] of found)
        assert.equal(this.#model.get(name)?.url, url, `"${name}" is not registered any more`);
    }
  }

  async close(): Promise<void> {
    await this.all[Symbol.asyncDispose]();
  }
}

describe("three replicas over one API server", () => {
  test("are one registry to their callers, whatever happens to them", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const world = new World();
        try {
          await world.open();
          for (const each of steps) {
            await world.play(each);
            await world.check();
          }
        } finally {
          await world.close();
        }
      }),
      { numRuns: 150 },
    );
  });

  test("agree in the end when calls of one name run at several at once and the API server refuses some", async () => {
    const call = fc.record({ at: replica, name, url: fc.nat({ max: 5 }), end: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(call, { maxLength: 6 }), { maxLength: 8 }), fc.nat(), async (rounds, seed) => {
        await using all = new Replicas();
        const replicas = [await all.start(), await all.start(), await all.start()];
        let count = seed;
        all.server.intercept = async (verb) => {
          // Answers come late and in another order than the questions.
          for (let turns = count++ % 5; turns > 0; turns--) await Promise.resolve();
          if (verb !== "list" && verb !== "watch" && count % 7 === 0)
            throw new CodedError("RESOURCE_EXHAUSTED", "too many requests", { details: { status: 429 } });
        };
        for (const calls of rounds) {
          const done = Promise.allSettled(
            calls.map(({ at, name, url, end }) => {
              const entry = endpoint({ name, url: `tcp://10.0.0.${url}:1` });
              const registry = replicas[at] as KubernetesRegistry;
              return end
                ? registry.endpoints.close(all.context(), entry)
                : registry.endpoints.request(all.context(), entry);
            }),
          );
          let open = true;
          void done.then(() => {
            open = false;
          });
          // Who lost a race pauses before the next try.
          while (open) await all.clock.advance(100);
          const results = await done;
          for (const result of results)
            if (result.status === "rejected") assert.equal((result.reason as CodedError).retryable, true);
        }
        all.server.intercept = () => {};
        await all.clock.advance(2_000);
        await all.settled();
        const views = await Promise.all(
          replicas.map(async (registry) =>
            (await all.endpoints(registry)).map(({ name, url }) => `${name} ${url}`).sort(),
          ),
        );
        assert.deepEqual(views[1], views[0]);
        assert.deepEqual(views[2], views[0]);
      }),
      { numRuns: 100 },
    );
  });
});
