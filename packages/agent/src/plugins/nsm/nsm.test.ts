import assert from "node:assert/strict";
import { test } from "node:test";
import type { Interface } from "@nsmkit/api/linux";
import { keyOf, linuxInterfaceModel, nsmClientModel, nsmEndpointModel, parseValue } from "@nsmkit/api/model";
import { CodedError, isCodedError, silentLogger, systemClock } from "@nsmkit/core";
import { FakeClock } from "@nsmkit/core/testing";
import { createScheduler, keyPrefix, type ValueStatus } from "@nsmkit/scheduler";
import { descriptorCheck } from "../../northbound/descriptor-check.ts";
import type { Item } from "../../northbound/item.ts";
import { type Check, Northbound } from "../../northbound/northbound.ts";
import { FakeMesh } from "../../testing/mesh.ts";
import { createNsmPlugin } from "./index.ts";

/** An agent without Linux: interfaces exist as soon as they are declared. */
function world(clock = systemClock) {
  const scheduler = createScheduler({ clock });
  const checks: Check[] = [];
  const northbound = new Northbound({ scheduler, checks });
  const mesh = new FakeMesh();
  const core = { label: "nat", scheduler, northbound, logger: silentLogger, clock };
  const plugin = createNsmPlugin(core, { mesh, name: "pod-1" });
  const links = { name: "links", keySelector: keyPrefix(linuxInterfaceModel.keyPrefix) };
  scheduler.register(...plugin.descriptors, links);
  checks.push(descriptorCheck(plugin.descriptors), ...(plugin.checks ?? []));
  const interfaces = (): Interface[] =>
    [...northbound.store.merged.values()]
      .filter(({ model }) => model === linuxInterfaceModel)
      .map(({ value }) => value as Interface);
  return {
    scheduler,
    northbound,
    checks,
    mesh,
    interfaces,
    put: (...items: Item[]) => northbound.apply([{ source: "file", put: items }]),
    remove: (...items: Item[]) => northbound.apply([{ source: "file", delete: items.map(({ key }) => key) }]),
    status: (item: Item): ValueStatus => scheduler.status(item.key).value,
    async [Symbol.asyncDispose]() {
      await scheduler.close();
      await plugin.close();
    },
  };
}

const client = (more: object = {}): Item => {
  const value = parseValue(nsmClientModel, { name: "access", network_service: "web", interface_name: "tap0", ...more });
  return { key: keyOf(nsmClientModel, value), model: nsmClientModel, value, place: "test" };
};
const endpoint = (more: object = {}): Item => {
  const value = parseValue(nsmEndpointModel, { network_service: "web", interface_name_prefix: "web", ...more });
  return { key: keyOf(nsmEndpointModel, value), model: nsmEndpointModel, value, place: "test" };
};

async function until(what: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !what(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(what(), `still not: ${what}`);
}

test("a client yields an EXISTING interface under its logical name, with the declared addresses and MAC", async () => {
  await using w = world();
  await w.put(
    client({
      ip_addresses: ["10.0.0.1/24"],
      phys_address: "02:00:00:00:00:01",
      outgoing_labels: [{ key: "app", value: "a,b=c" }],
    }),
  ).settled;
  await w.scheduler.barrier();
  assert.deepEqual(
    w.interfaces().map(({ name, type, enabled, hostIfName, ipAddresses, physAddress }) => ({
      name,
      type,
      enabled,
      hostIfName,
      ipAddresses,
      physAddress,
    })),
    [
      {
        name: "tap0",
        type: 4,
        enabled: true,
        hostIfName: "",
        ipAddresses: ["10.0.0.1/24"],
        physAddress: "02:00:00:00:00:01",
      },
    ],
  );
  const wish = w.mesh.connections.get("pod-1-access")?.wish;
  assert.deepEqual(wish, {
    id: "pod-1-access",
    networkService: "web",
    labels: { app: "a,b=c" },
    interfaceName: "tap0",
    addresses: ["10.0.0.1/24"],
    mac: "02:00:00:00:00:01",
  });
  assert.equal(w.status(client()).state, "CONFIGURED");
});

test("without declared addresses those that the endpoint assigned are taken", async () => {
  await using w = world();
  w.mesh.assigned = ["172.16.1.1/32"];
  await w.put(client()).settled;
  assert.deepEqual(w.interfaces()[0]?.ipAddresses, ["172.16.1.1/32"]);
});

test("a service that nobody offers keeps only its own client waiting", async () => {
  await using w = world();
  const release = w.mesh.withhold("web");
  const started = w.put(client(), client({ name: "other", network_service: "db", interface_name: "tap1" }));
  await until(() => w.interfaces().length === 1);
  assert.equal(w.interfaces()[0]?.name, "tap1");
  assert.equal(w.status(client()).state, "PENDING");
  release();
  await started.settled;
  assert.equal(w.status(client()).state, "CONFIGURED");
});

test("withdrawing a client that is still connecting ends the attempt and leaves nothing", async () => {
  await using w = world();
  w.mesh.withhold("web");
  w.put(client());
  await until(() => w.mesh.log.length === 1);
  await w.remove(client()).settled;
  assert.deepEqual([w.mesh.connections.size, w.interfaces().length, w.status(client()).state], [0, 0, "NONEXISTENT"]);
});

test("what the mesh refuses shows as the client's error, and is tried again until it works", async () => {
  const clock = new FakeClock();
  await using w = world(clock);
  w.mesh.fail(new CodedError("NOT_FOUND", "no endpoint offers it"));
  w.put(client());
  await until(() => w.status(client()).state === "RETRYING");
  assert.equal(w.status(client()).error, 'cnf.nsm client "access" cannot connect to "web": no endpoint offers it');
  w.mesh.fail(undefined);
  await clock.advance(5_000);
  await until(() => w.status(client()).state === "CONFIGURED");
});

test("a connection that goes down shows in the client's status, and no longer when it is healed", async () => {
  await using w = world();
  await w.put(client()).settled;
  await w.scheduler.barrier();
  const connectivity = () => w.scheduler.status(client().key).derived_values?.[0];
  assert.equal(connectivity()?.state, "CONFIGURED");
  w.mesh.down("pod-1-access");
  await w.scheduler.barrier();
  assert.deepEqual(connectivity()?.details, ["connection is up (it is down and being healed)"]);
  w.mesh.heal("pod-1-access");
  await w.scheduler.barrier();
  assert.equal(connectivity()?.state, "CONFIGURED");
});

test("a heal that brings other addresses changes the interface", async () => {
  await using w = world();
  w.mesh.assigned = ["172.16.1.1/32"];
  await w.put(client()).settled;
  w.mesh.heal("pod-1-access", ["172.16.9.9/32"]);
  assert.deepEqual(w.interfaces()[0]?.ipAddresses, ["172.16.9.9/32"]);
});

test("other addresses or more labels change the connection in place, another service makes a new one", async () => {
  await using w = world();
  await w.put(client()).settled;
  await w.put(client({ ip_addresses: ["10.0.0.1/24"], outgoing_labels: [{ key: "app", value: "a" }] })).settled;
  await w.put(client({ network_service: "db", outgoing_labels: [{ key: "app", value: "a" }] })).settled;
  assert.deepEqual(w.mesh.log, ["connect web", "update pod-1-access", "close pod-1-access", "connect db"]);
  assert.deepEqual(w.mesh.connections.get("pod-1-access")?.wish.networkService, "db");
});

test("a withdrawn client takes its interface down before it closes the connection", async () => {
  await using w = world();
  await w.put(client()).settled;
  const order: string[] = [];
  const apply = w.northbound.apply.bind(w.northbound);
  w.northbound.apply = (changes, options) => {
    if (changes.some(({ source, delete: keys }) => source === "localclient" && keys?.length))
      order.push(`remove, ${w.mesh.connections.size} open`);
    return apply(changes, options);
  };
  await w.remove(client()).settled;
  assert.deepEqual([...order, ...w.mesh.log.slice(1)], ["remove, 1 open", "close pod-1-access"]);
});

test("an interface that contradicts another declaration fails the client and closes the connection", async () => {
  await using w = world();
  w.checks.push((batch, _merged, problems) => {
    for (const item of batch) if (item.model === linuxInterfaceModel) problems.add(item.place, "is taken");
  });
  w.put(client());
  await until(() => w.status(client()).state === "RETRYING");
  assert.match(w.status(client()).error ?? "", /is taken/);
  assert.deepEqual([w.mesh.log[1], w.mesh.connections.size], ["close pod-1-access", 0]);
});

test("every client of an endpoint gets the lowest free number, and gives it back", async () => {
  await using w = world();
  await w.put(endpoint()).settled;
  const served = w.mesh.endpoints.get("web");
  assert.ok(served);
  assert.deepEqual(
    ["c1", "c2", "c3"].map((connectionId) => served.connect({ connectionId })),
    ["web0", "web1", "web2"],
  );
  served.disconnect("c2");
  assert.equal(served.connect({ connectionId: "c1" }), "web0");
  assert.equal(served.connect({ connectionId: "c4" }), "web1");
  assert.deepEqual(
    w
      .interfaces()
      .map(({ name }) => name)
      .sort(),
    ["web0", "web1", "web2"],
  );
  assert.equal(served.wish.name, "web-pod-1");
});

test("a client that had a number before a restart keeps it", async () => {
  await using w = world();
  await w.put(endpoint()).settled;
  assert.equal(w.mesh.endpoints.get("web")?.connect({ connectionId: "c1", interfaceName: "web7" }), "web7");
});

test("a name from a label is refused when the label is missing or the name is taken", async () => {
  await using w = world();
  await w.put(endpoint({ interface_name_suffix_from_label: "user" })).settled;
  const served = w.mesh.endpoints.get("web");
  assert.ok(served);
  assert.equal(served.connect({ connectionId: "c1", labels: { user: "-ann" } }), "web-ann");
  assert.throws(() => served.connect({ connectionId: "c2" }), /no label "user", which names its interface here/);
  assert.throws(
    () => served.connect({ connectionId: "c3", labels: { user: "-ann" } }),
    /another client has the interface "web-ann"/,
  );
});

test("a long logical name gets a link name that the kernel takes, the same every time", async () => {
  await using w = world();
  await w.put(endpoint({ interface_name_suffix_from_label: "user" })).settled;
  const served = w.mesh.endpoints.get("web");
  const name = served?.connect({ connectionId: "c1", labels: { user: "-a-rather-long-user-name" } });
  assert.match(name ?? "", /^web-a-ra-[0-9a-f]{6}$/);
  assert.equal(served?.connect({ connectionId: "c1", labels: { user: "-a-rather-long-user-name" } }), name);
  assert.deepEqual(
    w.interfaces().map(({ name, hostIfName }) => [name, hostIfName]),
    [["web-a-rather-long-user-name", name]],
  );
});

test("a single client's interface has the endpoint's addresses; a second client is refused", async () => {
  await using w = world();
  await w.put(endpoint({ single_client: true, ip_addresses: ["10.0.0.2/24"] })).settled;
  const served = w.mesh.endpoints.get("web");
  served?.connect({ connectionId: "c1" });
  assert.deepEqual(w.interfaces()[0]?.ipAddresses, ["10.0.0.2/24"]);
  assert.throws(
    () => served?.connect({ connectionId: "c2" }),
    (error) => isCodedError(error, "RESOURCE_EXHAUSTED"),
  );
});

test("one agent offers several services at a time", async () => {
  await using w = world();
  await w.put(endpoint(), endpoint({ network_service: "db", interface_name_prefix: "db" })).settled;
  assert.deepEqual([...w.mesh.endpoints.keys()].sort(), ["db", "web"]);
});

test("a withdrawn endpoint takes the interfaces of its clients along", async () => {
  await using w = world();
  await w.put(endpoint()).settled;
  w.mesh.endpoints.get("web")?.connect({ connectionId: "c1" });
  await w.remove(endpoint()).settled;
  assert.deepEqual([w.interfaces().length, w.mesh.endpoints.size], [0, 0]);
});

const refusals: [what: string, item: Item, message: RegExp][] = [
  [
    "a client without interface",
    client({ interface_name: "" }),
    /cnf.nsm client "access": field "interface_name" is empty; name the interface/,
  ],
  [
    "an interface name that is too long",
    client({ interface_name: "a-very-long-name" }),
    /field "interface_name" is "a-very-long-name" \(16 characters\), Linux allows 15/,
  ],
  [
    "a client without service",
    client({ network_service: "" }),
    /field "network_service" is empty; name the network service/,
  ],
  [
    "a service name with a blank",
    client({ network_service: "a b" }),
    /field "network_service" is "a b", must be a name, or name@domain/,
  ],
  [
    "a label without key",
    client({ outgoing_labels: [{ value: "x" }] }),
    /field "outgoing_labels\[0\].key" is empty; name the label/,
  ],
  [
    "a label twice",
    client({
      outgoing_labels: [
        { key: "a", value: "1" },
        { key: "a", value: "2" },
      ],
    }),
    /field "outgoing_labels\[1\].key" is "a" as in outgoing_labels\[0\]; keep one/,
  ],
  [
    "memif in an agent without VPP",
    client({ interface_type: "MEM_INTERFACE" }),
    /field "interface_type" is MEM_INTERFACE, which needs a VPP; use nsm-agent-vpp, or KERNEL_INTERFACE/,
  ],
  [
    "a client's address without length",
    client({ ip_addresses: ["10.0.0.1"] }),
    /field "ip_addresses\[0\]" is "10.0.0.1", must be an address with prefix length/,
  ],
  [
    "an endpoint without prefix",
    endpoint({ interface_name_prefix: "" }),
    /cnf.nsm endpoint "web": field "interface_name_prefix" is empty; write how the names of its interfaces begin/,
  ],
  [
    "addresses for many clients",
    endpoint({ ip_addresses: ["10.0.0.1/24"] }),
    /field "ip_addresses" can only be given to a single client's interface; set single_client, or leave them out/,
  ],
];
for (const [what, item, message] of refusals) {
  test(`${what} is refused with field, value and remedy`, async () => {
    await using w = world();
    assert.throws(() => w.put(item), message);
    assert.deepEqual(w.mesh.log, []);
  });
}

test("two clients that want the same interface are refused, naming both", async () => {
  await using w = world();
  assert.throws(
    () => w.put(client(), client({ name: "second" })),
    /cnf.nsm client "second": field "interface_name" is "tap0", which client "access" \(test\) has too; choose another/,
  );
});
