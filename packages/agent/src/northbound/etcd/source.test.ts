import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { CodedError, isCodedError } from "@nsmkit/core";
import fc from "fast-check";
import type { Agent } from "../../agent.ts";
import { expandVariables } from "../../etcd/expand.ts";
import { etcdWorld, link, linkKey, root, until } from "./fixtures.ts";

const states = (agent: Agent): Record<string, string> =>
  Object.fromEntries(
    agent.scheduler
      .statuses({ keyPrefix: linkKey("") })
      .map(({ value }) => [value.key.slice(linkKey("").length), value.state]),
  );
/** Names in the last transaction from etcd. */
const lastFromEtcd = (agent: Agent): (string | undefined)[] =>
  (agent.scheduler.history().findLast(({ Description }) => Description?.startsWith("etcd"))?.Values ?? [])
    .map(({ Key }) => Key.split("/").at(-1))
    .sort();
const away = (): CodedError => new CodedError("UNAVAILABLE", "nobody answers");

describe("the configuration of an agent in etcd", () => {
  test("what is there at the start is applied, other labels' and other classes' keys are not looked at", async () => {
    await using w = etcdWorld();
    await w.put("a");
    await w.etcd.put(`/vnf-agent/other/${linkKey("b")}`, link("b"));
    await w.etcd.put(`${root}config-status/x`, "not ours to read");
    await using agent = w.make();
    await agent.start();
    await until("a", () => states(agent).a === "CONFIGURED");
    assert.deepEqual(states(agent), { a: "CONFIGURED" });
    assert.deepEqual(agent.parts().etcd, { state: "OK" });
  });

  test("puts and deletes are followed", async () => {
    await using w = etcdWorld();
    await using agent = w.make();
    await agent.start();
    await w.put("a");
    await until("a", () => states(agent).a === "CONFIGURED");
    await w.put("a", { ip_addresses: ["10.0.0.1/24"] });
    await until("address", () =>
      agent.scheduler
        .statuses({ keyPrefix: linkKey("a") })
        .some(({ derived_values }) => derived_values?.some(({ key }) => key.includes("10.0.0.1"))),
    );
    await w.delete("a");
    await until("gone", () => states(agent).a === undefined);
  });

  test("keys of one etcd transaction are one transaction", async () => {
    await using w = etcdWorld();
    await using agent = w.make();
    await agent.start();
    await w.etcd.txn({
      success: ["a", "b", "c"].map((name) => ({ put: `${root}${linkKey(name)}`, value: link(name) })),
    });
    await until("all", () => Object.keys(states(agent)).length === 3);
    assert.equal(w.source.details.transactions, 1);
    assert.deepEqual(lastFromEtcd(agent), ["a", "b", "c"]);
  });

  test("a burst of single puts is few transactions, and the last value of each key counts", async () => {
    await using w = etcdWorld();
    await using agent = w.make();
    await agent.start();
    for (let n = 0; n < 300; n++) await w.put(`l${n % 50}`, { mtu: 1000 + n });
    await until("all", () => w.source.details.revisions === 301 && Object.keys(states(agent)).length === 50);
    await agent.scheduler.barrier();
    assert.ok(w.source.details.transactions < 60, `${w.source.details.transactions} transactions`);
    for (const [key, { value }] of agent.northbound.store.merged) {
      const n = Number(key.slice(linkKey("l").length));
      assert.equal((value as unknown as { mtu: number }).mtu, 1250 + n);
    }
  });

  test("a broken value is refused by its key, keeps what was there, and everything else is applied", async () => {
    await using w = etcdWorld();
    await w.put("a");
    await using agent = w.make();
    await agent.start();
    await w.etcd.txn({
      success: [
        { put: `${root}${linkKey("a")}`, value: '{"name":"a","type":"DUMMY","colour":"red"}' },
        { put: `${root}${linkKey("b")}`, value: link("b") },
        { put: `${root}${linkKey("c")}`, value: link("d") },
        { put: `${root}config/no/v1/model/x`, value: "{}" },
        { put: Buffer.concat([Buffer.from(`${root}${linkKey("")}`), Buffer.of(0xff)]), value: link("e") },
        { put: `${root}${linkKey("f")}`, value: "{" },
        { put: `${root}${linkKey("g")}`, value: Buffer.of(0xff) },
      ],
    });
    await until("b", () => states(agent).b === "CONFIGURED");
    assert.deepEqual(Object.keys(states(agent)), ["a", "b"]);
    const refused = w.source.details.refused.map(({ error }) => error);
    assert.equal(refused.length, 6);
    assert.match(refused.join("\n"), /key "config\/linux\/interfaces\/v2\/interface\/a".*colour/);
    assert.match(refused.join("\n"), /interface\/c": does not fit its value, whose key is "config.*\/d"/);
    assert.match(refused.join("\n"), /no\/v1\/model\/x": belongs to no model/);
    assert.match(refused.join("\n"), /0x.*no UTF-8/);
    assert.match(refused.join("\n"), /interface\/f": the value is no JSON/);
    assert.equal(agent.parts().etcd?.state, "OK");
    assert.equal(agent.parts().etcd?.error?.split("\n").length, 6);
    await w.put("a", { mtu: 1400 });
    await w.put("c");
    await until("c", () => states(agent).c === "CONFIGURED");
    assert.equal(w.source.details.refused.length, 4);
    assert.ok(w.refusals.some(([key, error]) => key === linkKey("c") && error === undefined));
  });

  test("a value that cannot be configured is refused alone, and tried again with the next change", async () => {
    await using w = etcdWorld();
    const veth = { type: "VETH", veth: {} };
    await w.put("bad", veth);
    await w.put("good");
    await using agent = w.make();
    await agent.start();
    await until("good", () => states(agent).good === "CONFIGURED");
    assert.deepEqual(
      w.source.details.refused.map(({ key }) => key),
      [linkKey("bad")],
    );
    await w.put("bad");
    await until("bad", () => states(agent).bad === "CONFIGURED");
    assert.deepEqual(w.source.details.refused, []);
  });

  test("a value over which the agent itself stumbles is left out too, at the start and later", async () => {
    await using w = etcdWorld();
    await w.put("bomb1");
    await w.put("a");
    await using agent = w.make([], (batch) => {
      if (batch.some(({ key }) => key.includes("bomb"))) throw new TypeError("a fault of ours");
    });
    await agent.start();
    await until("a", () => states(agent).a === "CONFIGURED");
    await w.etcd.txn({
      success: ["bomb2", "b"].map((name) => ({ put: `${root}${linkKey(name)}`, value: link(name) })),
    });
    await until("b", () => states(agent).b === "CONFIGURED");
    assert.deepEqual(w.source.details.refused.map(({ key, error }) => [key, error]).sort(), [
      [linkKey("bomb1"), "a fault of ours"],
      [linkKey("bomb2"), "a fault of ours"],
    ]);
  });

  test("values that are only wrong together are not all left out", async () => {
    await using w = etcdWorld();
    for (const name of ["x1", "x2", "a"]) await w.put(name);
    await using agent = w.make([], (batch, _merged, problems) => {
      if (batch.filter(({ key }) => key.includes("/x")).length > 1) problems.add("somewhere", "one x at most");
    });
    await agent.start();
    await until("a", () => states(agent).a === "CONFIGURED");
    assert.deepEqual(Object.keys(states(agent)), ["a", "x1"]);
  });

  test("etcd that is away at the start ends it, unless that is allowed", async () => {
    await using w = etcdWorld();
    w.etcd.stop();
    const agent = w.make();
    await assert.rejects(
      agent.start(),
      (error) => isCodedError(error, "UNAVAILABLE") && /allow-delayed-start/.test(error.message),
    );
    await agent.close();
  });

  test("etcd that comes late is taken up, and nothing was removed meanwhile", async () => {
    await using w = etcdWorld({ allowDelayedStart: true });
    await w.put("a");
    {
      await using first = w.make();
      await first.start();
      await until("a", () => states(first).a === "CONFIGURED");
    }
    await w.put("b");
    w.etcd.stop();
    const files = await mkdtemp(join(tmpdir(), "nsm-etcd-"));
    try {
      await writeFile(join(files, "f.yaml"), "linuxConfig: {interfaces: [{name: f, type: DUMMY, enabled: true}]}");
      await using agent = w.make([files]);
      await agent.start();
      await until("f", () => states(agent).f === "CONFIGURED");
      assert.match(agent.parts().etcd?.error ?? "", /etcd is away/);
      assert.equal(agent.parts().etcd?.state, "INIT");
      const names = (await w.netlink.handle().linkList()).map(({ name }) => name);
      assert.ok(names.includes("a"), `links are ${names}`);
      w.etcd.start();
      await until("b", () => states(agent).b === "CONFIGURED");
      assert.deepEqual(states(agent), { a: "CONFIGURED", b: "CONFIGURED", f: "CONFIGURED" });
    } finally {
      await rm(files, { recursive: true });
    }
  });

  test("after a break only what changed is applied", async () => {
    await using w = etcdWorld();
    await w.put("a");
    await w.put("b");
    await using agent = w.make();
    await agent.start();
    await until("b", () => states(agent).b === "CONFIGURED");
    w.etcd.stop();
    await until("away", () => agent.parts().etcd?.state === "INIT");
    assert.deepEqual(Object.keys(states(agent)), ["a", "b"]);
    w.etcd.start();
    await w.etcd.txn({
      success: [{ delete: `${root}${linkKey("a")}` }, { put: `${root}${linkKey("c")}`, value: link("c") }],
    });
    await until("c", () => states(agent).c === "CONFIGURED");
    await until("a", () => states(agent).a === undefined);
    assert.equal(w.source.details.transactions, 1);
    assert.deepEqual(lastFromEtcd(agent), ["a", "c"]);
  });

  test("a compacted history is made up for by one transaction", async () => {
    await using w = etcdWorld();
    await w.put("a");
    await using agent = w.make();
    await agent.start();
    await until("a", () => states(agent).a === "CONFIGURED");
    w.etcd.fault = (call) => (call === "watch" ? { before: away() } : undefined);
    w.etcd.dropWatches();
    await w.put("b");
    await w.delete("a");
    const { revision } = await w.put("c");
    await w.etcd.compact(revision);
    w.etcd.fault = () => undefined;
    await until("c", () => states(agent).c === "CONFIGURED");
    await until("a", () => states(agent).a === undefined);
    assert.deepEqual(Object.keys(states(agent)), ["b", "c"]);
    assert.equal(w.source.details.transactions, 1);
  });

  for (const newCluster of [false, true]) {
    test(`an etcd restored from a backup${newCluster ? " as another cluster" : ""} is obeyed`, async () => {
      await using w = etcdWorld();
      await w.put("old");
      const backup = w.etcd.save();
      await w.put("new");
      await using agent = w.make();
      await agent.start();
      await until("new", () => states(agent).new === "CONFIGURED");
      w.etcd.restore(backup, { newCluster });
      for (let n = 0; n < 5; n++) await w.etcd.put("/elsewhere", "x");
      await until("new is gone", () => states(agent).new === undefined);
      assert.deepEqual(states(agent), { old: "CONFIGURED" });
    });
  }

  test("a file's value comes back when etcd withdraws its own", async () => {
    await using w = etcdWorld();
    const files = await mkdtemp(join(tmpdir(), "nsm-etcd-"));
    try {
      await writeFile(
        join(files, "f.yaml"),
        "linuxConfig: {interfaces: [{name: a, type: DUMMY, enabled: true, mtu: 1300}]}",
      );
      await w.put("a", { mtu: 1400 });
      await using agent = w.make([files]);
      const mtu = (): unknown =>
        (agent.northbound.store.merged.get(linkKey("a"))?.value as { mtu?: number } | undefined)?.mtu;
      await agent.start();
      assert.equal(mtu(), 1400);
      await w.delete("a");
      await until("the file's", () => mtu() === 1300);
    } finally {
      await rm(files, { recursive: true });
    }
  });

  test("variables are replaced in the text of values when that is wanted", async () => {
    await using w = etcdWorld({ expand: (text) => expandVariables(text, { NAME: "a" }) });
    await w.etcd.put(`${root}${linkKey("a")}`, '{"name":"$NAME","type":"DUMMY"}');
    await using agent = w.make();
    await agent.start();
    await until("a", () => states(agent).a !== undefined);
  });

  test("whatever anyone writes below our prefix, good values are applied", async () => {
    await using w = etcdWorld();
    await using agent = w.make();
    await agent.start();
    const bytes = fc.uint8Array({ maxLength: 40 });
    const value = fc.oneof(
      bytes,
      fc.json().map((text) => Buffer.from(text)),
      fc.constantFrom("{", '{"__proto__":{}}', "null", "[]", '{"name":1}', "").map((text) => Buffer.from(text)),
    );
    const key = fc.oneof(
      bytes,
      fc
        .constantFrom(linkKey("x"), "linux/l3/v2/route/", "linux/l3/v2/arp/a/b", "/", "")
        .map((text) => Buffer.from(text.replace(/^config\//, ""))),
    );
    let n = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(key, value), { maxLength: 5 }), async (hostile) => {
        const unique = new Map(hostile.map(([k, v]) => [Buffer.from(k).toString("hex"), [k, v] as const]));
        const good = `good${n++}`;
        await w.etcd.txn({
          success: [
            ...[...unique.values()].map(([k, v]) => ({
              put: Buffer.concat([Buffer.from(`${root}config/`), k]),
              value: v,
            })),
            { put: `${root}${linkKey(good)}`, value: link(good) },
          ],
        });
        await until(good, () => states(agent)[good] === "CONFIGURED");
      }),
      { numRuns: 60 },
    );
  });
});

describe("variables in values", () => {
  const environment = { A: "1", LONG_NAME: "two" };
  // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the syntax of shells
  for (const [text, expanded] of [
    ["", ""],
    ["no dollar", "no dollar"],
    ["$A", "1"],
    ["x${A}y", "x1y"],
    ["$LONG_NAME-x", "two-x"],
    ["$UNKNOWN.", "."],
    ["${UNKNOWN}.", "."],
    ["100$", "100$"],
    ["$ A", "$ A"],
    ["$.x", "$.x"],
    ["$$A", "A"],
    ["${}x", "x"],
    ["${A", "A"],
    ["$1x", "x"],
    ["${__proto__}${constructor}", ""],
  ]) {
    // biome-ignore-end lint/suspicious/noTemplateCurlyInString: the syntax of shells
    test(`${JSON.stringify(text)} is ${JSON.stringify(expanded)}, as in Go`, () => {
      assert.equal(expandVariables(text as string, environment), expanded);
    });
  }
});
