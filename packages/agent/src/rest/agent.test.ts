import assert from "node:assert/strict";
import { test } from "node:test";
import { config, world } from "./fixtures/world.ts";

test("an agent is alive before it has started, and ready only then", async () => {
  await using w = await world();
  assert.deepEqual([(await w.call("/liveness")).status, (await w.call("/readiness")).status], [200, 500]);
  await w.agent.start();
  const ready = await w.call("/readiness");
  assert.equal(ready.status, 200);
  const { build_version, commit_hash, state, start_time, PluginStatus } = ready.json();
  assert.deepEqual(
    [build_version, commit_hash, state, start_time, Object.keys(PluginStatus)],
    ["1.2.3", "abc", 1, 1_700_000_000, ["kvscheduler", "linux", "files"]],
  );
});

test("a configuration can be put, read back, replaced and checked", async () => {
  await using w = await world();
  await w.agent.start();
  const put = (await w.put(config)).json();
  assert.deepEqual(
    put.values.map(({ value }: { value: { state: string } }) => value.state),
    ["CONFIGURED", "CONFIGURED", "PENDING"],
  );
  const read = await w.call("/configuration");
  assert.deepEqual([read.type, (await w.put(read.text)).status], ["application/yaml; charset=utf-8", 200]);
  const wrong = await w.call("/configuration/validate", {
    method: "POST",
    body: "linuxConfig: {interfaces: [{name: a, type: VETH}]}",
  });
  assert.deepEqual(
    [wrong.status, wrong.json().Error],
    [
      400,
      'body:1:28: linuxConfig.interfaces[0]: linux.interfaces interface "a": field "veth.peer_if_name" is missing; write the logical name of the other end, which must be declared too',
    ],
  );
  const right = await w.call("/configuration/validate", {
    method: "POST",
    body: "linuxConfig: {interfaces: [{name: c, type: DUMMY}]}",
  });
  assert.equal(right.json().planned[0].Key, "config/linux/interfaces/v2/interface/c");
  assert.deepEqual(
    (await w.netlink.handle().linkList()).map(({ name }) => name),
    ["lo", "a"],
  );
  await w.put("linuxConfig: {interfaces: []}", "?replace");
  assert.deepEqual(
    (await w.netlink.handle().linkList()).map(({ name }) => name),
    ["lo"],
  );
});

test("a configuration with one wrong item changes nothing", async () => {
  await using w = await world();
  await w.agent.start();
  assert.equal(
    (await w.put("linuxConfig: {interfaces: [{name: a, type: DUMMY}, {name: b, type: DUMMY, mtu: 1}]}")).status,
    400,
  );
  assert.deepEqual(
    (await w.netlink.handle().linkList()).map(({ name }) => name),
    ["lo"],
  );
});

test("the scheduler shows values, history and graph in every form", async () => {
  await using w = await world();
  await w.agent.start();
  await w.put(config);
  const get = async (path: string) => (await w.call(`/scheduler/${path}`)).json();
  assert.equal((await get("status?key=config/linux/interfaces/v2/interface/a")).value.state, "CONFIGURED");
  assert.deepEqual(
    (await get("status?descriptor=linux-route")).map(({ value }: { value: { state: string } }) => value.state),
    ["CONFIGURED", "PENDING"],
  );
  assert.equal((await get("status?key=&key-prefix=")).length, (await get("status")).length);
  assert.deepEqual(Object.keys(await get("dump")), ["Descriptors", "KeyPrefixes", "Views"]);
  assert.deepEqual((await get("dump?descriptor=linux-interface&view=NB"))[0].Value, {
    ProtoMsgName: "ligato.linux.interfaces.Interface",
    ProtoMsgData: { name: "a", type: "DUMMY", enabled: true, ip_addresses: ["10.0.0.1/24"] },
  });
  assert.deepEqual((await get("dump?key-prefix=config/linux/l3/v2/route/")).length, 1);
  const history = await get("txn-history");
  const put = history.find(({ Description }: { Description: string }) => Description === "PUT /configuration");
  assert.ok(put.Executed.length >= 3);
  assert.deepEqual((await get(`txn-history?seq-num=${put.SeqNum}`)).SeqNum, put.SeqNum);
  assert.match(
    (await w.call(`/scheduler/txn-history?seq-num=${put.SeqNum}&format=text`)).text,
    /CREATE config\/linux\/interfaces\/v2\/interface\/a \(NONEXISTENT -> CONFIGURED\)/,
  );
  assert.ok((await get("key-timeline?key=config/linux/interfaces/v2/interface/a")).length > 0);
  assert.ok((await get("graph-snapshot")).length > 3);
  assert.ok((await get("flag-stats?flag=value-state&prefix=config/linux/l3/")).PerValueCount.PENDING >= 1);
  assert.ok((await get("stats")).TxnStats.TotalProcessed > 0);
  assert.match((await w.call("/scheduler/graph?format=dot")).text, /^digraph/);
  const svg = await w.call(`/scheduler/graph?txn=${put.SeqNum}`);
  assert.deepEqual(
    [svg.type, svg.text.startsWith("<svg "), svg.text.includes("linux/interface/a/address")],
    ["image/svg+xml", true, true],
  );
  const resync = await w.call("/scheduler/downstream-resync?retry=1&verbose=true", { method: "POST" });
  assert.equal(resync.json().ResyncType, "DownstreamResync");
});

const wrongArguments: [path: string, error: string][] = [
  ["key-timeline", "argument key is missing"],
  [
    "flag-stats?flag=colour",
    'argument flag is "colour", must be last-update, error, value-state, unavailable, descriptor, derived',
  ],
  ["dump?view=all&descriptor=linux-route", 'argument view is "all", must be SB, NB, cached'],
  ["dump?descriptor=a&key-prefix=b", "descriptor and key-prefix are both given; ask by one of them"],
  ["txn-history?since=yesterday", 'argument since is "yesterday", must be nanoseconds since 1970'],
  ["graph?format=png", 'argument format is "png", must be svg, dot, raw'],
];
test("wrong arguments of the scheduler's paths answer 500 with the reason, as Ligato does", async () => {
  await using w = await world();
  for (const [path, error] of wrongArguments) {
    const answer = await w.call(`/scheduler/${path}`);
    assert.deepEqual([answer.status, answer.json()], [500, { Error: error }]);
  }
  assert.equal((await w.call("/scheduler/txn-history?seq-num=999")).status, 404);
});

test("Linux objects and counters are shown as the system has them", async () => {
  await using w = await world();
  await w.agent.start();
  await w.put(config);
  const [shown] = (await w.call("/dump/linux/v2/interfaces")).json();
  assert.deepEqual(
    [shown.interface.name, shown.interface.ip_addresses, shown.interface_meta.hostName],
    ["a", ["10.0.0.1/24"], "a"],
  );
  assert.equal((await w.call("/dump/linux/v2/routes")).json()[0].Route.gw_addr, "10.0.0.9");
  assert.deepEqual((await w.call("/dump/linux/v2/arps")).json(), []);
  const [counters] = (await w.call("/stats/linux/interfaces")).json();
  assert.deepEqual(
    [counters.interface_name, counters.interface_type, typeof counters.rx_packets],
    ["a", "DUMMY", "number"],
  );
});

test("metrics have Ligato's names and go with those of the process", async () => {
  await using w = await world();
  await w.agent.start();
  await w.put(config);
  const { text, type } = await w.call("/metrics");
  assert.equal(type, "text/plain; version=0.0.4; charset=utf-8");
  for (const line of [
    /^ligato_kvscheduler_txn_processed [1-9]/m,
    /^ligato_kvscheduler_txn_dropped 0$/m,
    /^ligato_kvscheduler_queue_capacity \+Inf$/m,
    /^ligato_kvscheduler_txn_duration_seconds_bucket\{txn_type="NBTransaction",le="\+Inf"\} [1-9]/m,
    /^ligato_build_info\{version="1.2.3",revision="abc",build_date="",built_by="nsmkit"\} 1$/m,
    /^nsmkit_agent_values\{state="PENDING"\} 1$/m,
    /^process_resident_memory_bytes \d+/m,
  ])
    assert.match(text, line);
});
