import assert from "node:assert/strict";
import { test } from "node:test";
import { CodedError, Deferred, isCodedError } from "@nsmkit/core";
import { connectionOf, type Given } from "./fixtures/connection.ts";
import { at, FakeMachine } from "./fixtures/fake-machine.ts";

const { signal } = new AbortController();
const reads = new Set(["linkGet", "linkList", "addrList", "routeList", "ruleList", "neighList"]);

const full: Given = {
  payload: "IP",
  ip: {
    srcIpAddrs: ["10.0.0.1/32"],
    dstIpAddrs: ["10.0.0.2/32"],
    srcRoutes: [{ prefix: "10.0.0.2/32" }, { prefix: "198.51.100.0/24" }],
    dstRoutes: [{ prefix: "10.0.0.1/32" }],
    policies: [{ from: "10.0.0.1/32" }, { proto: "udp" }],
  },
};
const changed: Given = {
  payload: "IP",
  mtu: 1300,
  ip: {
    srcIpAddrs: ["10.1.0.1/24"],
    dstIpAddrs: ["10.0.0.2/32"],
    srcRoutes: [{ prefix: "203.0.113.0/24" }],
    policies: [{ proto: "udp" }, { proto: "tcp" }],
  },
};

async function start() {
  const machine = new FakeMachine();
  const [client, server] = [await machine.pod("client"), await machine.pod("server")];
  const plane = machine.plane();
  const sides = { client: at(client), server: at(server) };
  const connect = (given: Given = full) => plane.connect("c1", sides, connectionOf(given), { signal });
  const left = async () => [...(await machine.leftIn(client)), ...(await machine.leftIn(server))].sort();
  return { machine, client, server, plane, sides, connect, left };
}

test("a refresh that changes nothing only reads", async () => {
  const { machine, connect } = await start();
  await connect();
  const ops = await machine.opsOf(() => connect());
  assert.deepEqual(
    ops.filter(({ op }) => !reads.has(op)),
    [],
  );
});

test("whichever request to the kernel fails, a first connection fails with its error and leaves nothing", async () => {
  const { machine, plane, connect, left } = await start();
  const count = (await machine.opsOf(() => connect())).length;
  await plane.disconnect("c1", { signal });
  assert.ok(count > 10, String(count));
  let failed = 0;
  for (let k = 0; k < count; k++) {
    machine.failAfter(k, new CodedError("KERNEL", "EIO"));
    const outcome = await connect().then(
      () => "made",
      (error: unknown) => error,
    );
    machine.netlink.intercept = undefined;
    if (outcome === "made") {
      // What is only for show may fail.
      await plane.disconnect("c1", { signal });
    } else {
      failed++;
      assert.ok(isCodedError(outcome, "KERNEL"), String(outcome));
      assert.match(outcome.message, /^connection c1: /);
    }
    assert.deepEqual(await left(), [], `after failure of request ${k}`);
    assert.deepEqual(plane.size, { connections: 0, namespaces: 0, names: 0 });
  }
  assert.ok(failed >= count - 2, `${failed} of ${count}`);
});

test("whichever request to the kernel fails, an update is made or the old state is back", async () => {
  const { machine, client, plane, connect } = await start();
  const addresses = async () => (await (await machine.handle(client)).addrList()).map((a) => a.address).sort();
  await connect();
  const old = await addresses();
  const count = (await machine.opsOf(() => connect(changed))).length;
  const updated = await addresses();
  assert.notDeepEqual(updated, old);
  for (let k = 0; k < count; k++) {
    machine.netlink.intercept = undefined;
    await connect();
    assert.deepEqual(await addresses(), old);
    machine.failAfter(k, new CodedError("KERNEL", "EIO"));
    const outcome = await connect(changed).then(
      () => "made",
      () => "failed",
    );
    machine.netlink.intercept = undefined;
    assert.deepEqual(await addresses(), outcome === "made" ? updated : old, `${outcome} after failure of request ${k}`);
    assert.equal(plane.size.connections, 1);
  }
});

test("an update that keeps failing brings the old state back, and when that fails too everything is removed", async () => {
  const { machine, plane, connect, left } = await start();
  await connect();
  const stays = await left();
  machine.netlink.intercept = (op) =>
    op.op === "addrReplace" && op.addr.address === "10.1.0.1/24" ? new CodedError("KERNEL", "EIO") : undefined;
  await assert.rejects(connect(changed), { code: "KERNEL", message: /^connection c1: EIO$/ });
  assert.deepEqual(await left(), stays);
  machine.netlink.intercept = (op) =>
    op.op === "addrReplace" || op.op === "ruleAdd" ? new CodedError("KERNEL", "EIO") : undefined;
  await assert.rejects(connect(changed), { code: "KERNEL" });
  assert.deepEqual(await left(), []);
  assert.deepEqual(plane.size, { connections: 0, namespaces: 0, names: 0 });
});

test("a link that cannot be deleted stays known, and can be removed later", async () => {
  const { machine, plane, connect, left } = await start();
  await connect();
  machine.netlink.intercept = (op) => (op.op === "linkDelete" ? new CodedError("KERNEL", "EBUSY") : undefined);
  await assert.rejects(plane.disconnect("c1", { signal }), { code: "KERNEL" });
  assert.equal(plane.size.connections, 1);
  machine.netlink.intercept = undefined;
  await plane.disconnect("c1", { signal });
  assert.deepEqual(await left(), []);
  assert.deepEqual(plane.size, { connections: 0, namespaces: 0, names: 0 });
});

test("calls for one connection run one after the other, for others beside it", async () => {
  const { machine, plane, connect } = await start();
  const held = new Deferred<undefined>();
  machine.netlink.intercept = (op) =>
    op.op === "linkAdd" && op.link.alias?.includes("/c1/") ? held.promise : undefined;
  const order: string[] = [];
  const first = connect().then(() => order.push("connected"));
  const close = plane.disconnect("c1", { signal }).then(() => order.push("closed"));
  const beside = plane.connect(
    "c2",
    { client: at("/run/netns/client", "b"), server: at("/run/netns/server", "b") },
    connectionOf({ id: "c2" }),
    { signal },
  );
  await beside;
  assert.deepEqual(order, []);
  held.resolve(undefined);
  await Promise.all([first, close]);
  assert.deepEqual(order, ["connected", "closed"]);
});

test("a call that is cancelled while it waits for its turn does nothing", async () => {
  const { machine, plane, sides, connect } = await start();
  const held = new Deferred<undefined>();
  machine.netlink.intercept = (op) => (op.op === "linkAdd" ? held.promise : undefined);
  const first = connect();
  const abort = new AbortController();
  const second = plane.connect("c1", sides, connectionOf(changed), { signal: abort.signal });
  abort.abort();
  await assert.rejects(second, { code: "ABORTED" });
  machine.netlink.intercept = undefined;
  held.resolve(undefined);
  await first;
  const addresses = await (await machine.handle("/run/netns/client")).addrList();
  assert.ok(addresses.some(({ address }) => address === "10.0.0.1/32"));
});

test("a kernel whose IPv6 cannot be switched off gets links with it", async () => {
  const { machine, connect, left } = await start();
  machine.netlink.intercept = (op) =>
    op.op === "sysctlSet" && op.name.includes("disable_ipv6")
      ? new CodedError("NOT_FOUND", "no IPv6", { details: { operation: "sysctlSet" } })
      : undefined;
  await connect();
  assert.equal((await left()).filter((what) => what === "nsm-1").length, 2);
  assert.equal((await (await machine.handle("/run/netns/client")).linkGet("nsm-1")).up, true);
});

test("of two connections with a route to one place the last has it, and the first gets it back", async () => {
  const { machine, client, plane } = await start();
  const servers = [await machine.pod("one"), await machine.pod("two")];
  const connect = (n: number) => {
    const ip = {
      srcIpAddrs: [`10.0.${n}.1/32`],
      dstIpAddrs: [`10.0.${n}.2/32`],
      srcRoutes: [{ prefix: "0.0.0.0/0" }],
    };
    const sides = { client: at(client, `c${n}`), server: at(servers[n] ?? "") };
    return plane.connect(`c${n}`, sides, connectionOf({ id: `c${n}`, payload: "IP", ip }), { signal });
  };
  const gateway = async () =>
    (await (await machine.handle(client)).routeList()).find((r) => /^(default|0\.0\.0\.0\/0)$/.test(r.destination))
      ?.gateway;
  await connect(0);
  await connect(1);
  assert.equal(await gateway(), "10.0.1.2");
  await plane.disconnect("c1", { signal });
  assert.equal(await gateway(), "10.0.0.2");
  await connect(1);
  await plane.disconnect("c0", { signal });
  assert.equal(await gateway(), "10.0.1.2");
  await plane.disconnect("c1", { signal });
  assert.equal(await gateway(), undefined);
});

test("a Pod that is gone is told once for each of its connections", async () => {
  const { machine, client, server, plane } = await start();
  for (const n of [1, 2]) {
    await plane.connect(
      `c${n}`,
      { client: at(client, `c${n}`), server: at(server, `s${n}`) },
      connectionOf({ id: `c${n}` }),
      { signal },
    );
  }
  await machine.clock.advance(500);
  machine.kill(client);
  await machine.clock.advance(500);
  assert.deepEqual(machine.gone.sort(), ["c1", "c2"]);
  await machine.clock.advance(5000);
  assert.equal(machine.gone.length, 2);
});

test("with the data plane closed no timer is left and connecting is refused", async () => {
  const { machine, plane, connect } = await start();
  await connect();
  await plane.close();
  assert.equal(machine.clock.pendingTimers, 0);
  await assert.rejects(connect(), { code: "CLOSED" });
  assert.equal(plane.size.namespaces, 0);
});

test("counters are told per connection and side", async () => {
  const { machine, plane, connect } = await start();
  await connect();
  const counters = await plane.counters();
  assert.deepEqual(
    counters.get("c1")?.map((each) => [each.side, each.interface]),
    [
      ["client", "nsm-1"],
      ["server", "nsm-1"],
    ],
  );
  await (await machine.handle("/run/netns/client")).linkDelete("nsm-1");
  assert.equal((await plane.counters()).size, 0);
});

test("links are found in a namespace that keeps changing while it is read", async () => {
  const { machine, plane, client, connect } = await start();
  await connect();
  const partial = await (await machine.handle(client)).linkList();
  machine.netlink.intercept = (op) =>
    op.op === "linkList" ? new CodedError("DUMP_INTERRUPTED", "busy", { details: { partial } }) : undefined;
  await plane.close();
  assert.deepEqual(await machine.plane().list({ signal }), ["c1"]);
});
