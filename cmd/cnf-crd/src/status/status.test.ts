import assert from "node:assert/strict";
import { test } from "node:test";
import type { Resource } from "@nsmkit/kube";
import { cnfConfigurations } from "../declared/resource.ts";
import { bridge, World } from "../testing/world.ts";

test("what agents report becomes the status: configured, waiting and failed, with reasons", async () => {
  await using world = await new World().start();
  await world.create("one", [bridge("x"), bridge("y"), bridge("z")]);
  await world.until(
    () => world.stored(),
    (found) => found.length === 3,
  );
  await world.report("x", "CONFIGURED");
  await world.report("y", "PENDING", { details: ["interface tap0"] });
  await world.report("z", "FAILED", { error: "no such device" });
  await world.untilConditions("one", "Accepted True Accepted", "Stored True Stored", "Ready False ItemsFailed");
  const status = await world.status("one");
  assert.deepEqual(
    status.items?.map(({ state, message }) => [state, message]),
    [
      ["CONFIGURED", undefined],
      ["PENDING", "waits for interface tap0"],
      ["FAILED", "no such device"],
    ],
  );
  assert.equal(status.configured, "1/3");
  await world.report("y", "CONFIGURED");
  await world.report("z", "CONFIGURED");
  await world.untilConditions("one", "Ready True Configured");
});

test("a change that the agent configures at once is one write of the status, and a quiet time none", async () => {
  await using world = await new World().start();
  await world.create("one", [bridge("x"), bridge("y")]);
  await world.report("x", "CONFIGURED");
  await world.report("y", "CONFIGURED");
  await world.untilConditions("one", "Ready True Configured");
  await world.pass(5_000);
  const before = world.server.requests.patch;
  await world.change("one", [bridge("x"), bridge("y", { flood: true })]);
  const changed = world.server.requests.patch;
  await world.pass(100);
  await world.report("y", "CONFIGURED");
  await world.untilConditions("one", "Ready True Configured");
  await world.pass(60_000);
  assert.equal(world.server.requests.patch, changed + 1);
  assert.equal(changed, before + 1, "the change itself");
});

test("Ready is not that of an older value: an agent that is slow is waited for, then told of", async () => {
  await using world = await new World().start();
  await world.create("one", [bridge("x")]);
  await world.report("x", "CONFIGURED");
  await world.untilConditions("one", "Ready True Configured");
  await world.change("one", [bridge("x", { flood: true })]);
  await world.pass(1_000);
  assert.deepEqual(await world.conditions("one"), [], "no status of the new generation yet");
  await world.report("x", "FAILED", { error: "flooding is off" });
  await world.untilConditions("one", "Ready False ItemsFailed");
});

test("many states in a row are one write", async () => {
  await using world = await new World().start();
  await world.create("one", [bridge("x")]);
  await world.report("x", "PENDING");
  await world.untilConditions("one", "Ready False ItemsPending");
  await world.pass(5_000);
  const { patch } = world.server.requests;
  for (const state of ["FAILED", "RETRYING", "PENDING", "CONFIGURED"]) await world.report("x", state);
  await world.untilConditions("one", "Ready True Configured");
  await world.pass(5_000);
  assert.equal(world.server.requests.patch, patch + 1);
});

test("an agent that goes is told of, but not one that is back in a moment", async () => {
  await using world = await new World().start();
  await world.create("one", [bridge("x")]);
  await world.report("x", "CONFIGURED");
  await world.untilConditions("one", "Ready True Configured");
  await world.pass(5_000);
  const { patch } = world.server.requests;
  const status = "/vnf-agent/a/config-status/vpp/l2/v2/bridge-domain/x";
  await world.etcd.delete(status);
  await world.pass(1_000);
  await world.report("x", "CONFIGURED");
  await world.pass(10_000);
  assert.equal(world.server.requests.patch, patch);
  await world.etcd.delete(status);
  await world.untilConditions("one", "Ready Unknown NotReported");
  assert.match((await world.status("one")).message ?? "", /no agent with the label a reports/);
});

test("an agent that runs and reports nothing is told apart from one that is not there", async () => {
  await using world = await new World().start();
  await world.create("one", [bridge("x")]);
  await world.untilConditions("one", "Ready Unknown NotReported");
  const { id: lease } = await world.etcd.leaseGrant(600);
  await world.etcd.put("/vnf-agent/a/check/status/v1/agent", "{}", { lease });
  const says = (what: RegExp) =>
    world.until(
      () => world.status("one"),
      ({ message }) => what.test(message ?? ""),
    );
  await says(/ENABLE_STATUS_PUBLISHING/);
  await world.etcd.leaseRevoke(lease);
  await says(/no agent with the label a/);
  // An agent of Ligato leaves its last word behind.
  const seconds = Math.floor(world.clock.now() / 1000);
  await world.etcd.put("/vnf-agent/a/check/status/v1/agent", `{"state":"OK","last_update":"${seconds}"}`);
  await says(/ENABLE_STATUS_PUBLISHING/);
  await world.pass(120_000);
  await world.change("one", [bridge("x"), bridge("y")]);
  await says(/no agent with the label a/);
});

test("a status that is nonsense is left out and logged, and everything else goes on", async () => {
  await using world = await new World().start();
  await world.etcd.put("/vnf-agent/a/config-status/vpp/l2/v2/bridge-domain/x", "{");
  await world.create("one", [bridge("x")]);
  await world.untilConditions("one", "Stored True Stored");
  assert.ok(world.logger.lines.some(({ message }) => message === "an entry in etcd cannot be read"));
});

test("an event tells of new trouble and of its end; what works makes none", async () => {
  await using world = await new World().start();
  const events = async (): Promise<string[]> => {
    const kind: Resource = { group: "events.k8s.io", version: "v1", kind: "Event", plural: "events", namespaced: true };
    const { items } = await world.server.list(kind);
    return items.map((event) => `${event.type} ${event.reason}`);
  };
  await world.create("one", [bridge("x")]);
  await world.report("x", "CONFIGURED");
  await world.untilConditions("one", "Ready True Configured");
  await world.pass(1_000);
  assert.deepEqual(await events(), []);
  await world.report("x", "FAILED", { error: "no" });
  await world.until(events, (found) => found.includes("Warning ItemsFailed"));
  await world.report("x", "CONFIGURED");
  await world.until(events, (found) => found.includes("Normal Configured"));
});

test("a status that somebody else wrote is put right, whatever it was", async () => {
  await using world = await new World().start();
  await world.create("one", [bridge("x")]);
  await world.untilConditions("one", "Ready Unknown NotReported");
  const at = { namespace: "default", name: "one" };
  const patch = { status: { conditions: null, status: "Success", message: "all fine" } };
  await world.server.mergePatch(cnfConfigurations, at, patch, { subresource: "status" });
  await world.untilConditions("one", "Ready Unknown NotReported");
});

test("somebody who insists on another status is answered with growing pauses", async () => {
  await using world = await new World().start();
  await world.create("one", [bridge("x")]);
  await world.untilConditions("one", "Ready Unknown NotReported");
  const at = { namespace: "default", name: "one" };
  const before = world.server.requests.patch;
  let theirs = 0;
  for (let ms = 0; ms < 120_000; ms += 500) {
    const { message } = await world.status("one");
    if (message !== "mine") {
      theirs++;
      await world.server.mergePatch(cnfConfigurations, at, { status: { message: "mine" } }, { subresource: "status" });
    }
    await world.pass(500);
  }
  assert.ok(
    world.server.requests.patch - before - theirs < 12,
    `${world.server.requests.patch - before - theirs} repairs`,
  );
  await world.report("x", "CONFIGURED");
  await world.untilConditions("one", "Ready True Configured");
});

test("figures tell of items by state, transactions and writes", async () => {
  await using world = await new World().start();
  await world.create("one", [bridge("x"), bridge("y")]);
  await world.report("x", "CONFIGURED");
  await world.untilConditions("one", "Stored True Stored");
  const text = await (await fetch(`http://127.0.0.1:${world.controller.port}/metrics`)).text();
  for (const line of [
    'cnf_crd_items{state="CONFIGURED"} 1',
    'cnf_crd_items{state="UNKNOWN"} 1',
    'cnf_crd_etcd_transactions_total{result="done"} 1',
    "cnf_crd_etcd_ready 1",
    "cnf_crd_resources 1",
    'leader_election_master_status{name="cnf-crd"} 1',
  ])
    assert.ok(
      text.includes(line),
      `${line}\n${text
        .split("\n")
        .filter((one) => one.startsWith("cnf_crd"))
        .join("\n")}`,
    );
  assert.match(text, /controller_runtime_reconcile_total\{controller="cnf-store",result="success"\} \d/);
});

test("when resources come in numbers, values go first and statuses follow, each once", async () => {
  await using world = await new World().start();
  const before = world.server.requests.patch;
  for (let i = 0; i < 60; i++) await world.create(`r${i}`, [bridge(`x${i}`)]);
  await world.until(
    () => world.stored(),
    (found) => found.length === 60,
  );
  await world.pass(700);
  // The first ones came before it was a rush.
  assert.ok(world.server.requests.patch - before <= 3, `${world.server.requests.patch - before} statuses`);
  await world.untilConditions("r59", "Stored True Stored");
  await world.pass(10_000);
  assert.equal(world.server.requests.patch, before + 60);
});

test("a rush that does not end keeps no status back for longer than some seconds", async () => {
  await using world = await new World().start();
  await world.create("first", [bridge("first")]);
  for (let i = 0; i < 400 && (await world.conditions("first")).length === 0; i++) {
    await world.create(`r${i}`, [bridge(`x${i}`)]);
    await world.pass(20);
  }
  assert.ok((await world.conditions("first")).includes("Stored True Stored"));
});
