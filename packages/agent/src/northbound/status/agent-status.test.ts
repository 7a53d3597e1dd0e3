import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { textOf } from "../../etcd/bytes.ts";
import type { AgentStatus } from "../../probe.ts";
import { AgentStatusPublisher, agentStatusKey } from "./agent-status.ts";
import { base } from "./fixtures.ts";

describe("the state of the agent in etcd", () => {
  test("it is written at once, every 10 s, and when it changes", async () => {
    await using w = base();
    let state = 0;
    const read = (): AgentStatus => ({
      build_version: "1",
      state,
      start_time: 5,
      last_change: 5,
      last_update: Math.floor(w.clock.now() / 1000),
      plugins: [{ name: "linux", state, last_change: 5, last_update: 6 }],
      PluginStatus: { linux: { state, last_change: 5, last_update: 6, ...(state === 2 ? { error: "no" } : {}) } },
      NonFatalPlugins: [],
    });
    await using publisher = new AgentStatusPublisher({ ...w.deps, label: "nat", read });
    publisher.start();
    await w.clock.advance(10);
    const agent = async (): Promise<unknown> =>
      JSON.parse(textOf((await w.etcd.get(agentStatusKey("nat")))?.value ?? Buffer.of()) ?? "");
    assert.deepEqual(await agent(), {
      build_version: "1",
      start_time: "5",
      last_change: "5",
      last_update: "1700000000",
      plugins: [{ name: "linux" }],
    });
    const writes = w.etcd.writes;
    await w.clock.advance(9500);
    assert.equal(w.etcd.writes, writes);
    await w.clock.advance(1000);
    assert.equal(w.etcd.writes, writes + 1);
    state = 2;
    await w.clock.advance(1100);
    assert.equal(w.etcd.writes, writes + 2);
    assert.deepEqual(await w.read("/vnf-agent/nat/check/status/v1/plugin/"), {
      linux: '{"state":"ERROR","last_change":"5","last_update":"6","error":"no"}',
    });
  });
});
