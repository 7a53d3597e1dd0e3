import assert from "node:assert/strict";
import { test } from "node:test";
import { CodedError } from "@nsmkit/core";
import { FakeClock } from "@nsmkit/core/testing";
import { MemoryApiServer } from "../testing/apiserver.ts";
import { LeaderElection, type LeaderElectionOptions } from "./lease.ts";

function candidate(server: LeaderElectionOptions["client"], clock: FakeClock, identity: string, log: string[]) {
  const election = new LeaderElection({ client: server, clock, identity, namespace: "default", name: "op" });
  const stop = new AbortController();
  const done = election.run(
    async ({ signal }) => {
      log.push(`${identity} leads`);
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
      log.push(`${identity} stops`);
    },
    { signal: stop.signal },
  );
  return { done, stop };
}

test("one of two leads, and the other follows at once when the first steps down", async () => {
  const [server, clock, log] = [new MemoryApiServer(), new FakeClock(1e12), [] as string[]];
  const first = candidate(server, clock, "first", log);
  await clock.advance(1);
  const second = candidate(server, clock, "second", log);
  await clock.advance(60_000);
  assert.deepEqual(log, ["first leads"]);
  first.stop.abort();
  assert.equal(await first.done, "ended");
  await clock.advance(3_000);
  assert.deepEqual(log, ["first leads", "first stops", "second leads"]);
  second.stop.abort();
  await second.done;
});

test("a leader that cannot renew stops before another can lead", async () => {
  const [server, clock, log] = [new MemoryApiServer(), new FakeClock(1e12), [] as string[]];
  let cut = "";
  server.intercept = (verb, _resource, _at) => {
    if (cut === "first" && current === "first" && verb !== "watch") throw new CodedError("UNAVAILABLE", "cut off");
  };
  let current = "first";
  const first = candidate(server, clock, "first", log);
  await clock.advance(1);
  cut = "first";
  await clock.advance(14_000);
  assert.deepEqual(log, ["first leads", "first stops"]);
  assert.equal(await first.done, "lost");
  current = "second";
  const second = candidate(server, clock, "second", log);
  await clock.advance(14_000);
  assert.equal(log.includes("second leads"), false, "the lease of a silent leader must run out first");
  await clock.advance(6_000);
  assert.equal(log.includes("second leads"), true);
  second.stop.abort();
  await second.done;
});

test("a leader whose lease was taken learns it at the next renewal", async () => {
  const [server, clock, log] = [new MemoryApiServer(), new FakeClock(1e12), [] as string[]];
  const first = candidate(server, clock, "first", log);
  await clock.advance(1);
  const lease = { group: "coordination.k8s.io", version: "v1", kind: "Lease", plural: "leases", namespaced: true };
  await server.mergePatch(lease, { namespace: "default", name: "op" }, { spec: { holderIdentity: "other" } });
  await clock.advance(3_000);
  assert.equal(await first.done, "lost");
  assert.deepEqual(log, ["first leads", "first stops"]);
});

test("a leader whose renewal hangs stops before another can lead", async () => {
  const [server, clock, log] = [new MemoryApiServer(), new FakeClock(1e12), [] as string[]];
  let hangs = false;
  const update: MemoryApiServer["update"] = (resource, object, options = {}) =>
    hangs
      ? new Promise((_, reject) =>
          options.signal?.addEventListener("abort", () => reject(new CodedError("ABORTED", "late")), { once: true }),
        )
      : server.update(resource, object, options);
  const client = { find: server.find.bind(server), create: server.create.bind(server), update };
  const first = candidate(client, clock, "first", log);
  await clock.advance(5_000);
  hangs = true;
  await clock.advance(8_000);
  assert.deepEqual(log, ["first leads"]);
  await clock.advance(3_000);
  assert.deepEqual(log, ["first leads", "first stops"]);
  assert.equal(await first.done, "lost");
});

test("one that is stopped in the moment of its election gives the office back", async () => {
  const [server, clock, log] = [new MemoryApiServer(), new FakeClock(1e12), [] as string[]];
  const client = {
    find: server.find.bind(server),
    update: server.update.bind(server),
    create: (async (resource, object) => {
      await server.create(resource, object);
      first.stop.abort();
      throw new CodedError("ABORTED", "the answer came too late");
    }) as MemoryApiServer["create"],
  };
  const first = candidate(client, clock, "first", log);
  await assert.rejects(first.done, { code: "ABORTED" });
  const second = candidate(server, clock, "second", log);
  await clock.advance(1);
  assert.deepEqual(log, ["second leads"]);
  second.stop.abort();
  await second.done;
});
