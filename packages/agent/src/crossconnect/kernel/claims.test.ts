import assert from "node:assert/strict";
import { test } from "node:test";
import { Deferred } from "@nsmkit/core";
import type { Netns } from "@nsmkit/netlink";
import { NameClaims } from "./claims.ts";
import { emptyPlan } from "./interface-plan.ts";
import type { LocalEnd } from "./wiring.ts";

const end = (key: string, name: string): LocalEnd => ({
  side: "client",
  key,
  netns: {} as Netns,
  plan: emptyPlan(name),
});

test("a name of a namespace belongs to one connection; elsewhere the same name is free", async () => {
  const claims = new NameClaims();
  await claims.take("c1", [end("a", "nsm-1"), end("b", "nsm-1")]);
  await claims.take("c2", [end("c", "nsm-1")]);
  await assert.rejects(claims.take("c3", [end("d", "nsm-1"), end("b", "nsm-1")]), {
    code: "CONFLICT",
    message: /nsm-1 .*belongs to connection c1; choose another interface name or close/,
  });
  assert.equal(claims.size, 3);
});

test("a connection may take again what it has", async () => {
  const claims = new NameClaims();
  await claims.take("c1", [end("a", "nsm-1")]);
  await claims.take("c1", [end("a", "nsm-1"), end("b", "nsm-1")]);
  assert.equal(claims.size, 2);
});

test("one name for both ends in one namespace is refused", async () => {
  await assert.rejects(new NameClaims().take("c1", [end("a", "nsm-1"), end("a", "nsm-1")]), {
    code: "INVALID_ARGUMENT",
    message: /both sides want interface nsm-1/,
  });
});

test("who wants a name that is being left waits until it is free", async () => {
  const claims = new NameClaims();
  await claims.take("old", [end("a", "nsm-1")]);
  const removal = new Deferred<void>();
  const left = claims.leave("old", [end("a", "nsm-1")], removal.promise);
  let taken = false;
  const taking = claims.take("new", [end("a", "nsm-1")]).then(() => {
    taken = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(taken, false);
  removal.resolve();
  await Promise.all([left, taking]);
  await assert.rejects(claims.take("old", [end("a", "nsm-1")]), { code: "CONFLICT" });
});

test("of two that wait for one name, one gets it", async () => {
  const claims = new NameClaims();
  await claims.take("old", [end("a", "nsm-1")]);
  const removal = new Deferred<void>();
  const left = claims.leave("old", [end("a", "nsm-1")], removal.promise);
  const both = Promise.allSettled([claims.take("x", [end("a", "nsm-1")]), claims.take("y", [end("a", "nsm-1")])]);
  removal.resolve();
  await left;
  assert.deepEqual(
    (await both).map(({ status }) => status),
    ["fulfilled", "rejected"],
  );
});

test("a name stays taken when its interface could not be removed", async () => {
  const claims = new NameClaims();
  await claims.take("old", [end("a", "nsm-1")]);
  const failing = Promise.reject(new Error("busy"));
  await assert.rejects(claims.leave("old", [end("a", "nsm-1")], failing), /busy/);
  await assert.rejects(claims.take("new", [end("a", "nsm-1")]), { code: "CONFLICT" });
});

test("leaving gives back nothing that another connection took", async () => {
  const claims = new NameClaims();
  await claims.take("c1", [end("a", "nsm-1")]);
  await claims.leave("c2", [end("a", "nsm-1")], Promise.resolve());
  await assert.rejects(claims.take("c2", [end("a", "nsm-1")]), { code: "CONFLICT" });
});
