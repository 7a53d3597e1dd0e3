import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CodedError } from "@nsmkit/core";
import { FakeClock } from "@nsmkit/core/testing";
import { Context, chain } from "../../../chain/index.ts";
import { timestampOf } from "../../../networkservice/core/connection.ts";
import { type NseHandler, type NseKind, nseRules } from "../../core/kinds.ts";
import { endpoint, service } from "../../testing/calls.ts";
import { beginEndpoints } from "../begin/element.ts";
import { refreshClient, servicesKey } from "./client.ts";

/** A registry that grants 60 s, can be down, and forgets when it is. */
class FakeRegistry implements NseHandler {
  readonly clock: FakeClock;
  readonly registered: number[] = [];
  readonly #watchers = new Set<(event: "deleted" | "broken") => void>();
  down = false;
  grantsMs = 60_000;
  watchesFail = false;
  closed = 0;

  constructor(clock: FakeClock) {
    this.clock = clock;
  }
  get watchers(): number {
    return this.#watchers.size;
  }
  tell(event: "deleted" | "broken"): void {
    for (const watcher of [...this.#watchers]) watcher(event);
  }
  request: NseHandler["request"] = async (_ctx, entry) => {
    if (this.down) throw new CodedError("UNAVAILABLE", "registry is down");
    this.registered.push(this.clock.now());
    return { ...entry, expirationTime: timestampOf(this.clock.now() + this.grantsMs) };
  };
  close: NseHandler["close"] = async () => {
    this.closed++;
  };
  find: NseHandler["find"] = (ctx) => this.#find(ctx);
  async *#find(ctx: Context) {
    if (this.down || this.watchesFail) throw new CodedError("UNAVAILABLE", "no watch");
    while (!ctx.signal.aborted) {
      const event = await new Promise<"deleted" | "broken" | "left">((resolve) => {
        this.#watchers.add(resolve);
        ctx.signal.addEventListener("abort", () => resolve("left"), { once: true });
      });
      this.#watchers.clear();
      if (event === "left") return;
      if (event === "broken") throw new CodedError("UNAVAILABLE", "the connection broke");
      yield nseRules.found(endpoint({ name: "nse" }), true);
    }
  }
}

async function start() {
  const clock = new FakeClock();
  const registry = new FakeRegistry(clock);
  const restored: string[] = [];
  const refresh = refreshClient({
    clock,
    restore: async (services) => {
      if (registry.down) throw new CodedError("UNAVAILABLE", "registry is down");
      restored.push(...services.map(({ name }) => name));
    },
  });
  const client = chain<NseKind>([beginEndpoints({ clock }), refresh], registry);
  const ctx = new Context({ signal: new AbortController().signal, clock });
  await client.request(ctx.with(servicesKey, [service({ name: "s" })]), endpoint({ name: "nse" }));
  await clock.advance(0);
  const close = () => client.close(ctx, endpoint({ name: "nse" }));
  return { clock, registry, restored, client, close };
}

describe("refresh", () => {
  test("comes when three fifths to two thirds of the time are over, again and again", async () => {
    const { clock, registry, close } = await start();
    await clock.advance(35_999);
    assert.equal(registry.registered.length, 1);
    await clock.advance(4_001);
    assert.equal(registry.registered.length, 2);
    await clock.advance(40_000);
    assert.equal(registry.registered.length, 3);
    await close();
  });

  test("a registry whose clock is far behind is asked four times a second, not without pause", async () => {
    const { clock, registry, close } = await start();
    registry.grantsMs = -120_000;
    await clock.advance(40_000);
    registry.registered.length = 0;
    await clock.advance(10_000);
    assert.ok(registry.registered.length <= 40, `${registry.registered.length}`);
    await close();
  });

  test("does not repeat the registration of services", async () => {
    const { clock, restored, close } = await start();
    await clock.advance(200_000);
    assert.deepEqual(restored, []);
    await close();
  });

  test("closing ends refreshes and the watch", async () => {
    const { clock, registry, close } = await start();
    assert.equal(registry.watchers, 1);
    await close();
    await clock.advance(1_000_000);
    assert.deepEqual([registry.registered.length, registry.closed, clock.pendingTimers], [1, 1, 0]);
  });

  test("stopping the chain ends them too, without unregistering", async () => {
    const { clock, registry, client } = await start();
    await client.stop();
    await clock.advance(1_000_000);
    assert.deepEqual([registry.registered.length, registry.closed, clock.pendingTimers], [1, 0, 0]);
  });
});

describe("a lost registration", () => {
  test("is made again at once when the watch on the own entry breaks, services first", async () => {
    const { clock, registry, restored, close } = await start();
    await clock.advance(10_000);
    registry.tell("broken");
    await clock.advance(0);
    assert.deepEqual([registry.registered, restored, registry.watchers], [[0, 10_000], ["s"], 1]);
    await close();
  });

  test("is made again when the registry tells that the entry is gone", async () => {
    const { clock, registry, close } = await start();
    registry.tell("deleted");
    await clock.advance(0);
    assert.equal(registry.registered.length, 2);
    await close();
  });

  test("is made again within a second of the registry's return, however long it was away", async () => {
    const { clock, registry, restored, close } = await start();
    await clock.advance(5_000);
    registry.down = true;
    registry.tell("broken");
    await clock.advance(300_000);
    assert.equal(registry.registered.length, 1);
    registry.down = false;
    await clock.advance(1_000);
    assert.deepEqual([registry.registered.length, restored], [2, ["s"]]);
    await close();
  });

  test("restores services also when the break came during a refresh that failed", async () => {
    const { clock, registry, restored, close } = await start();
    registry.down = true;
    await clock.advance(41_000);
    registry.tell("broken");
    await clock.advance(5_000);
    registry.down = false;
    await clock.advance(2_000);
    assert.deepEqual([registry.registered.length >= 2, restored], [true, ["s"]]);
    await close();
  });

  test("a registry that refuses watches is not asked without pause", async () => {
    const { clock, registry, close } = await start();
    registry.watchesFail = true;
    registry.tell("broken");
    await clock.advance(60_000);
    assert.ok(registry.registered.length > 2 && registry.registered.length < 150, `${registry.registered.length}`);
    await close();
  });
});
