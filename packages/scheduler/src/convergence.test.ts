import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock, RecordingLogger, settle } from "@nsmkit/core/testing";
import fc from "fast-check";
import { createScheduler } from "./index.ts";
import { bases, change, derivedOf, notified } from "./testing/arbitrary.ts";
import { FakeSouthbound, type SouthboundOperation, type TestValue, testDescriptor } from "./testing/index.ts";
import type { ResyncKind, Transaction } from "./transaction.ts";

type Step =
  | {
      readonly kind: "commit";
      readonly values: readonly (readonly [string, TestValue | null])[];
      readonly revert: boolean;
    }
  | { readonly kind: "resync"; readonly resync: ResyncKind; readonly keep: readonly boolean[] }
  | { readonly kind: "notify"; readonly key: string; readonly exists: boolean }
  | {
      readonly kind: "fail";
      readonly operation: SouthboundOperation;
      readonly key: string;
      readonly takesEffect: boolean;
    }
  | { readonly kind: "lose"; readonly key: string }
  | { readonly kind: "wait"; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("commit" as const),
      values: fc.array(change, { minLength: 1, maxLength: 6 }),
      revert: fc.integer({ min: 0, max: 5 }).map((i) => i === 0),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("resync" as const),
      resync: fc.constantFrom<ResyncKind>("full", "upstream", "downstream"),
      keep: fc.array(fc.boolean(), { minLength: bases.length, maxLength: bases.length }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("notify" as const),
      key: fc.constantFrom(...notified),
      exists: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("fail" as const),
      operation: fc.constantFrom<SouthboundOperation>("create", "update", "delete"),
      key: fc.constantFrom(...bases, ...bases.flatMap(derivedOf)),
      takesEffect: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("lose" as const), key: fc.constantFrom("a/0", "a/1", "a/2") }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.constantFrom(0, 1, 10, 100, 1500) }) },
);

/** A world of one scheduler, one southbound, and checks of what must hold whenever an operation begins. */
class World {
  readonly clock = new FakeClock();
  readonly logger = new RecordingLogger();
  readonly southbound = new FakeSouthbound(this.clock);
  readonly scheduler;
  readonly wanted = new Map<string, TestValue>();
  readonly obtained = new Set<string>();
  readonly broken: string[] = [];
  lost = false;

  constructor(latencies: readonly number[]) {
    const { southbound } = this;
    let call = 0;
    if (latencies.length > 0) southbound.latencyMs = () => latencies[call++ % latencies.length] ?? 0;
    southbound.onBegin = (operation, key, value) => this.check(operation, key, value as TestValue);
    this.scheduler = createScheduler({
      clock: this.clock,
      logger: this.logger,
      descriptors: [
        testDescriptor(southbound, "a/", { retrieve: () => this.retrieved("a/") }),
        testDescriptor(southbound, "b/", { retrievable: false }),
        testDescriptor(southbound, "d/", { retrievable: false }),
        testDescriptor(southbound, "s/", { retrievable: false, name: "s" }),
      ],
    });
  }

  /** A base value must be reported only with derived values that exist, so their presence is read, too. */
  retrieved(prefix: string) {
    return [...this.southbound.values]
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, value]) => {
        const { derives = {}, ...rest } = value as TestValue;
        const there = Object.keys(derives).filter((k) => k.startsWith("p/") || this.southbound.values.has(k));
        const found = there.map((k) => [k, (this.southbound.values.get(k) as TestValue) ?? derives[k]]);
        return { key, value: { ...rest, derives: Object.fromEntries(found) }, origin: "NB" as const };
      });
  }

  exists(key: string): boolean {
    if (key.startsWith("s/")) return this.obtained.has(key);
    // A property has no trace southbound; the scheduler's word is taken for it.
    return key.startsWith("p/") ? true : this.southbound.values.has(key);
  }

  check(operation: SouthboundOperation, key: string, value: TestValue): void {
    const needsOf = ({ needs = [] }: TestValue): readonly string[] => needs.filter((need) => !need.startsWith("s/"));
    if (operation !== "delete") {
      for (const need of value.needs ?? []) {
        if (!this.exists(need) && !this.lost) this.broken.push(`${operation} of ${key} before ${need} exists`);
      }
      return;
    }
    for (const [other, its] of this.southbound.values) {
      if (needsOf(its as TestValue).includes(key)) this.broken.push(`delete of ${key} before ${other}, which needs it`);
      if (other.startsWith(`d/${key}/`)) this.broken.push(`delete of ${key} before ${other}, derived from it`);
    }
  }

  take(step: Step): Promise<void> | void {
    const retry = { periodMs: 100, maxCount: 0, maxPeriodMs: 400 };
    if (step.kind === "wait") return this.clock.advance(step.ms);
    if (step.kind === "fail") {
      const takesEffect = step.takesEffect && step.key.startsWith("a/");
      this.southbound.fail(step.operation, step.key, { takesEffect });
    } else if (step.kind === "notify") {
      return this.notify(step.key, step.exists);
    } else if (step.kind === "lose") {
      return this.lose(step.key, retry);
    } else if (step.kind === "resync") {
      this.resync(step, retry);
    } else if (step.revert) return this.commitOrRevert(step, retry);
    else {
      this.fill(step).start({ retry });
      this.want(step);
    }
  }

  fill({ values }: Step & { kind: "commit" }): Transaction {
    const txn = this.scheduler.transaction();
    for (const [key, value] of values) {
      if (value) txn.set(key, value);
      else txn.delete(key);
    }
    return txn;
  }

  want({ values }: Step & { kind: "commit" }): void {
    for (const [key, value] of values) {
      if (value) this.wanted.set(key, value);
      else this.wanted.delete(key);
    }
  }

  /** All or nothing. What could not be put back either is repaired afterwards, as an operator would. */
  async commitOrRevert(step: Step & { kind: "commit" }, retry: object): Promise<void> {
    await this.clock.advance(5000);
    const { settled } = this.fill(step).start({ retry, revertOnFailure: true });
    await this.clock.advance(5000);
    const { errors } = await settled;
    if (errors.length === 0) this.want(step);
    else await this.repair(retry);
  }

  /** Between being told of a removal and processing it, the scheduler may still rely on what is gone. */
  async notify(key: string, exists: boolean): Promise<void> {
    if (exists) this.obtained.add(key);
    this.scheduler.notify({ key, value: exists ? {} : undefined });
    await settle();
    if (!exists) this.obtained.delete(key);
  }

  /** Someone removes a value, and with it what was derived from it, by hand; then northbound asks for a repair. */
  async lose(key: string, retry: object): Promise<void> {
    await this.clock.advance(5000);
    this.lost = true;
    for (const gone of [key, ...derivedOf(key)]) this.southbound.values.delete(gone);
    await this.repair(retry);
  }

  async repair(retry: object): Promise<void> {
    this.scheduler.transaction().start({ resync: "downstream", retry });
    await this.clock.advance(5000);
  }

  resync({ resync, keep }: Step & { kind: "resync" }, retry: object): void {
    const txn = this.scheduler.transaction();
    if (resync !== "downstream") {
      bases.forEach((key, i) => {
        const value = this.wanted.get(key);
        if (keep[i] && value) txn.set(key, value);
        else this.wanted.delete(key);
      });
    }
    txn.start({ resync, retry });
  }

  async removeAll(): Promise<void> {
    this.scheduler.notify(...notified.map((key) => ({ key })));
    this.scheduler.transaction().start({ resync: "full", retry: { periodMs: 100, maxCount: 0 } });
    await this.clock.advance(20_000);
  }

  /** What should be southbound when nothing is under way: what is wanted, valid, and has all it needs. */
  expected(): Map<string, string> {
    const there = new Map<string, string>();
    const has = (key: string): boolean => there.has(key) || this.obtained.has(key);
    const ready = ({ needs = [], anyOf = [] }: TestValue): boolean =>
      needs.every(has) && anyOf.every((p) => [...there.keys(), ...this.obtained].some((k) => k.startsWith(p)));
    // Every value only names earlier keys, but a derived one may be named by a later base: repeat until stable.
    for (let before = -1; before < there.size; ) {
      before = there.size;
      for (const [key, value] of this.wanted) {
        if (!ready(value)) continue;
        there.set(key, contentOf(value));
        for (const [derived, its] of Object.entries(value.derives ?? {})) {
          if (ready(its)) there.set(derived, contentOf(its));
        }
      }
    }
    for (const key of there.keys()) if (key.startsWith("p/")) there.delete(key);
    return there;
  }

  found(): Map<string, string> {
    return new Map([...this.southbound.values].map(([key, value]) => [key, contentOf(value as TestValue)]));
  }
}

function contentOf({ content = "", mold = "" }: TestValue): string {
  return content + mold;
}

function sorted(map: Map<string, string>): [string, string][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}

test("whatever happens, the southbound ends as wanted, and no operation overtakes one it depends on", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 25 }),
      fc.array(fc.constantFrom(0, 1, 5, 30), { maxLength: 5 }),
      async (steps, latencies) => {
        const world = new World(latencies);
        for (const step of steps) await world.take(step);
        await world.clock.advance(20_000);
        assert.deepEqual(world.southbound.violations, []);
        assert.deepEqual(world.broken, []);
        const deadlocks = world.logger.lines.filter(({ message }) => message === "values cannot be decided about");
        assert.deepEqual(deadlocks, []);
        assert.deepEqual(world.scheduler.metrics().queueLength, 0, "a transaction did not settle");
        assert.deepEqual(sorted(world.found()), sorted(world.expected()));
        await world.removeAll();
        assert.equal(world.scheduler.metrics().keysKnown, 0, "something is left of values that are gone");
        await world.scheduler.close();
        assert.equal(world.clock.pendingTimers, 0);
      },
    ),
    { numRuns: Number(process.env.FC_RUNS ?? 150) },
  );
});
