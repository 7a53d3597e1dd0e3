import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type ConfigSchema,
  ConfiguratorService,
  type NotifyRequestSchema,
  StatsPollerService,
} from "@nsmkit/api/configurator";
import { InterfaceState_Status as Status, Interface_Type as Type } from "@nsmkit/api/linux";
import fc from "fast-check";
import { grpcWorld } from "../fixtures/world.ts";

const { get, update, delete: remove, dump, notify } = ConfiguratorService.method;
type ConfigInit = MessageInitShape<typeof ConfigSchema>;

async function world() {
  const w = await grpcWorld();
  const call = {
    update: (
      config: ConfigInit,
      more: { fullResync?: boolean; waitDone?: boolean; signal?: AbortSignal; from?: string } = {},
    ) =>
      w.channel.unary(update, create(update.input, { update: config, ...more }), {
        ...(more.signal ? { signal: more.signal } : {}),
        ...(more.from ? { metadata: new Map([["datasrc", [more.from]]]) } : {}),
      }),
    remove: (config: ConfigInit, waitDone = false) =>
      w.channel.unary(remove, create(remove.input, { delete: config, waitDone })),
    get: async () => (await w.channel.unary(get, create(get.input))).message.config,
    dump: async () => (await w.channel.unary(dump, create(dump.input))).message.dump,
    notify: (request: MessageInitShape<typeof NotifyRequestSchema>, signal: AbortSignal) =>
      w.channel.serverStream(notify, create(notify.input, request), { signal }),
  };
  const links = async () => (await w.netlink.handle().linkList()).map(({ name }) => name).sort();
  return { ...w, ...call, links };
}

const dummy = (name: string, more: object = {}) => ({ name, type: Type.DUMMY, enabled: true, ...more });
const interfaces = (...list: object[]) => ({ linuxConfig: { interfaces: list } });

test("Update puts items of every group, and tells the transaction in a header", async () => {
  await using w = await world();
  const { header } = await w.update({
    linuxConfig: {
      interfaces: [dummy("a", { ipAddresses: ["alloc:net"] })],
      routes: [{ outgoingInterface: "a", dstNetwork: "10.1.0.0/16", gwAddr: "10.0.0.9" }],
      arpEntries: [{ interface: "a", ipAddress: "10.0.0.7", hwAddress: "02:00:00:00:00:07" }],
    },
    netallocConfig: { ipAddresses: [{ networkName: "net", interfaceName: "a", address: "10.0.0.1/24" }] },
  });
  assert.match(header.get("seqnum")?.[0] ?? "", /^\d+$/);
  assert.deepEqual(
    (await w.netlink.handle().addrList({ link: "a" })).map(({ address }) => address),
    ["10.0.0.1/24"],
  );
  const config = await w.get();
  assert.deepEqual(
    [config?.linuxConfig?.interfaces, config?.linuxConfig?.routes, config?.netallocConfig?.ipAddresses].map(
      (list) => list?.length,
    ),
    [1, 1, 1],
  );
  assert.deepEqual(config?.vppConfig?.interfaces, []);
});

test("Get gives what all sources declare, Dump what is there", async () => {
  await using w = await world();
  await w.update(interfaces(dummy("a")), { from: "one" });
  await w.update({
    ...interfaces(dummy("b")),
    linuxConfig: {
      interfaces: [dummy("b")],
      routes: [{ outgoingInterface: "nowhere", dstNetwork: "10.1.0.0/16" }],
    },
  });
  await w.netlink.handle().linkSet("b", { mtu: 1400 });
  const declared = (await w.get())?.linuxConfig;
  const found = (await w.dump())?.linuxConfig;
  assert.deepEqual([declared?.interfaces.map(({ name }) => name), declared?.routes.length], [["a", "b"], 1]);
  assert.deepEqual(
    [found?.interfaces.map(({ name, mtu }) => [name, mtu]), found?.routes.length],
    [
      [
        ["a", 1500],
        ["b", 1400],
      ],
      0,
    ],
  );
});

test("full_resync withdraws what the same source put before, and nothing of other sources", async () => {
  await using w = await world();
  await w.update(interfaces(dummy("a")));
  await w.update(interfaces(dummy("b")), { from: "other" });
  await w.update(interfaces(dummy("c")), { fullResync: true });
  assert.deepEqual(await w.links(), ["b", "c", "lo"]);
});

test("Delete needs only what the key is made from", async () => {
  await using w = await world();
  await w.update(interfaces(dummy("a"), dummy("b")));
  const { header } = await w.remove(interfaces({ name: "a" }), true);
  assert.match(header.get("seqnum")?.[0] ?? "", /^\d+$/);
  assert.deepEqual(await w.links(), ["b", "lo"]);
});

test("one wrong item, and every item for a VPP, refuse the whole request by name", async () => {
  await using w = await world();
  await assert.rejects(
    w.update({
      ...interfaces(dummy("a"), { name: "b", type: Type.VETH }),
      vppConfig: { interfaces: [{ name: "memif0" }], nat44Global: { forwarding: true } },
    }),
    (error: Error & { code?: string }) => {
      assert.equal(error.code, "INVALID_ARGUMENT");
      assert.match(
        error.message,
        /^update\.vpp_config\.interfaces\[0\]: this agent has no model for ligato\.vpp\.interfaces\.Interface; send it to an agent with VPP/,
      );
      assert.match(
        error.message,
        /update\.vpp_config\.nat44_global: this agent has no model for ligato\.vpp\.nat\.Nat44Global/,
      );
      return true;
    },
  );
  await assert.rejects(w.update(interfaces(dummy("a"), { name: "b", type: Type.VETH })), {
    code: "INVALID_ARGUMENT",
    message:
      /^update\.linux_config\.interfaces\[1\]: linux\.interfaces interface "b": field "veth\.peer_if_name" is missing/,
  });
  await assert.rejects(w.update(interfaces(dummy("a"), dummy("a"))), {
    message: /occurs in update\.linux_config\.interfaces\[0\] too/,
  });
  await assert.rejects(w.update(interfaces({})), { code: "INVALID_ARGUMENT" });
  assert.deepEqual(await w.links(), ["lo"]);
});

test("what fails in the system is a failed precondition with the transaction's errors", async () => {
  await using w = await world();
  await w.netlink.handle().linkAdd({ kind: "dummy", name: "a" });
  await assert.rejects(w.update(interfaces(dummy("a"))), {
    code: "FAILED_PRECONDITION",
    message:
      /^transaction \d+: CREATE config\/linux\/interfaces\/v2\/interface\/a: .*exists already and is not this agent's/,
  });
});

test("wait_done waits for what is derived too: an address whose allocation is missing", async () => {
  await using w = await world();
  let answered = false;
  const waiting = w.update(interfaces(dummy("a", { ipAddresses: ["alloc:net"] })), { waitDone: true }).then(() => {
    answered = true;
  });
  while (!(await w.links()).includes("a")) await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(answered, false);
  await w.update({
    netallocConfig: { ipAddresses: [{ networkName: "net", interfaceName: "a", address: "10.0.0.1/24" }] },
  });
  await waiting;
  assert.deepEqual(
    (await w.netlink.handle().addrList({ link: "a" })).map(({ address }) => address),
    ["10.0.0.1/24"],
  );
});

test("wait_done ends with the caller's deadline and says what is missing", async () => {
  await using w = await world();
  const config = interfaces({ name: "a", type: Type.VETH, link: { case: "veth", value: { peerIfName: "b" } } });
  await assert.rejects(
    w.channel.unary(update, create(update.input, { update: config, waitDone: true }), { timeoutMs: 80 }),
    { code: "DEADLINE_EXCEEDED" },
  );
  const abort = new AbortController();
  const waiting = w.update(config, { waitDone: true, signal: abort.signal });
  setTimeout(() => abort.abort(), 50);
  await assert.rejects(waiting, { code: "ABORTED" });
});

test("Notify tells what happened since an index, and what happens", async () => {
  await using w = await world();
  await w.update(interfaces(dummy("a"), dummy("b")));
  const stop = new AbortController();
  const read = async (request: MessageInitShape<typeof NotifyRequestSchema>, count: number) => {
    const seen: string[] = [];
    const indexes: number[] = [];
    for await (const { nextIdx, notification } of w.notify(request, stop.signal)) {
      assert.equal(notification?.notification.case, "linuxNotification");
      const state =
        notification?.notification.case === "linuxNotification"
          ? notification.notification.value.interface?.state
          : undefined;
      seen.push(`${state?.name} ${Status[state?.adminStatus ?? 0]}`);
      indexes.push(nextIdx);
      if (seen.length === count) break;
    }
    return { seen, indexes };
  };
  assert.deepEqual(await read({}, 2), { seen: ["a UP", "b UP"], indexes: [1, 2] });
  const later = read({ idx: 2 }, 2);
  await w.netlink.handle().linkSet("b", { up: false });
  await w.remove(interfaces({ name: "a" }));
  assert.deepEqual((await later).seen, ["b DOWN", "a DELETED"]);
  const filters = [
    { notification: { case: "linuxNotification" as const, value: { interface: { state: { name: "a" } } } } },
  ];
  assert.deepEqual((await read({ filters }, 2)).seen, ["a UP", "a DELETED"]);
  assert.deepEqual((await read({ idx: 77 }, 1)).seen, ["a UP"]);
});

test("PollStats sends counters of declared interfaces, once or again and again", async () => {
  await using w = await world();
  await w.update(interfaces(dummy("a"), dummy("b")));
  const { pollStats } = StatsPollerService.method;
  const poll = async (request: MessageInitShape<typeof pollStats.input>) => {
    const seen: string[] = [];
    for await (const { pollSeq, stats } of w.channel.serverStream(pollStats, create(pollStats.input, request)))
      seen.push(
        `${pollSeq} ${stats?.stats.value?.interface?.name} ${typeof stats?.stats.value?.interface?.rx?.packets}`,
      );
    return seen;
  };
  assert.deepEqual(await poll({}), ["0 a bigint", "0 b bigint"]);
  assert.deepEqual(await poll({ periodSec: 1, numPolls: 2 }), ["1 a bigint", "1 b bigint", "2 a bigint", "2 b bigint"]);
  await assert.rejects(poll({ numPolls: 2 }), { code: "INVALID_ARGUMENT" });
});

test("whatever a configuration holds, it is applied or refused as wrong, and the next call is served", async () => {
  await using w = await world();
  const text = fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.constantFrom("a", "b", "alloc:net", "10.0.0.1/24", "fd00::/8", "/", ".."),
  );
  const link = fc.record({
    name: text,
    type: fc.integer({ min: -1, max: 9 }),
    hostIfName: text,
    enabled: fc.boolean(),
    ipAddresses: fc.array(text, { maxLength: 3 }),
    physAddress: text,
    mtu: fc.nat(),
    vrfMasterInterface: text,
  });
  const route = fc.record({
    outgoingInterface: text,
    dstNetwork: text,
    gwAddr: text,
    scope: fc.integer({ min: 0, max: 9 }),
    metric: fc.nat(),
  });
  const allocation = fc.record({ networkName: text, interfaceName: text, address: text, gw: text });
  await fc.assert(
    fc.asyncProperty(
      fc.array(link, { maxLength: 2 }),
      fc.array(route, { maxLength: 2 }),
      fc.array(allocation, { maxLength: 2 }),
      fc.boolean(),
      async (links, routes, allocations, fullResync) => {
        const config = { linuxConfig: { interfaces: links, routes }, netallocConfig: { ipAddresses: allocations } };
        const refused = await w.update(config, { fullResync }).then(
          () => "",
          (error: { code?: string }) => error.code ?? "without code",
        );
        assert.ok(["", "INVALID_ARGUMENT", "FAILED_PRECONDITION"].includes(refused), refused);
      },
    ),
    { numRuns: 200 },
  );
  await w.update({}, { fullResync: true });
  assert.deepEqual(await w.links(), ["lo"]);
});
