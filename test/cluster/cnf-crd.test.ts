import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { messageOf } from "@nsmkit/core";
import type { UnknownObject } from "@nsmkit/kube";
import { cnfConfigurations } from "../../cmd/cnf-crd/src/declared/resource.ts";
import { bridge, bridgeKey, resource } from "../../cmd/cnf-crd/src/testing/world.ts";
import { CnfCrdWorld, documents, pause, ReportingAgent, resourceOf } from "./cnf-crd-world.ts";
import { ControlPlane, controlPlaneMissing } from "./control-plane.ts";

const line = (name: string, label = "a", more = ""): string => `${bridgeKey(name, label)} {"name":"${name}"${more}}`;
const testdata = join(import.meta.dirname, "../../cmd/nsmctl/src/cnf/testdata");

describe("cnf-crd with its own rights on a real API server and a real etcd", {
  skip: controlPlaneMissing() ?? false,
}, () => {
  let plane: ControlPlane;
  let world: CnfCrdWorld;
  before(async () => {
    plane = await ControlPlane.start();
    world = await CnfCrdWorld.open(plane);
    await world.start();
    await world.asked();
  });
  after(async () => {
    await world?.close();
    await plane?.close();
  });

  async function namespacesOf(objects: readonly UnknownObject[]): Promise<void> {
    for (const name of new Set(objects.map(({ metadata }) => metadata.namespace ?? "default"))) {
      const object = { apiVersion: "v1", kind: "Namespace", metadata: { name } };
      await world.admin.apply(resourceOf("Namespace"), object, { fieldManager: "test" });
    }
  }

  async function cleared(): Promise<void> {
    await world.clear();
    await world.untilStored([]);
  }

  test("every manifest of the corpus is accepted and becomes the pairs that nsmctl prints", {
    timeout: 60_000,
  }, async () => {
    for (const name of (await readdir(testdata)).filter((file) => file.endsWith(".yaml"))) {
      const all = documents(await readFile(join(testdata, name), "utf8"));
      const lists = all.flatMap((object) => (object.kind === "List" ? (object.items as UnknownObject[]) : [object]));
      const objects = lists.filter(({ kind }) => kind === "CNFConfiguration");
      await namespacesOf(objects);
      for (const object of objects) await world.apply(object);
      const pairs = (await readFile(join(testdata, name.replace(".yaml", ".pairs")), "utf8")).split("\n");
      await world.untilStored(pairs.filter((pair) => pair !== ""));
      await cleared();
    }
  });

  const examples = process.env.NSMKIT_CNF_EXAMPLES;
  test("the CNF examples' manifests apply as they are", {
    skip: examples ? false : "NSMKIT_CNF_EXAMPLES names no checkout of PANTHEONtech/cnf-examples",
    timeout: 60_000,
  }, async (t) => {
    const { stdout } = await promisify(execFile)("find", [examples ?? "", "-name", "*.yaml"]);
    let found = 0;
    for (const file of stdout.split("\n").filter((path) => path !== "")) {
      for (const object of documents(await readFile(file, "utf8")).filter(({ kind }) => kind === "CNFConfiguration")) {
        await world.apply(object);
        await world.wait(object.metadata.name ?? "", "Stored");
        found++;
      }
    }
    t.diagnostic(`${found} resources: ${(await world.stored()).length} keys`);
    assert.ok(found >= 3);
    await cleared();
  });

  const refusals: readonly (readonly [what: string, spec: object, message: RegExp])[] = [
    ["no list of items", { microservice: "a" }, /spec\.configItems: Required value/],
    ["an item for nobody", { configItems: [bridge("x")] }, /an item has no microservice and neither has spec/],
    ["a label with a slash", { microservice: "a/b", configItems: [bridge("x")] }, /spec\.microservice: .*should match/],
    [
      "an unknown module",
      { microservice: "a", configItems: [{ module: "linux.interface", type: "interface", data: "name: x" }] },
      /spec\.configItems\[0\]\.module: item 1: the model linux\.interface interface is unknown; .*did you mean linux\.interfaces\?/,
    ],
    [
      "an unknown type",
      { microservice: "a", configItems: [bridge("x"), { module: "vpp.nat", type: "nat44-pol", data: "" }] },
      /spec\.configItems\[1\]\.module: item 2: .*did you mean nat44-pool\?/,
    ],
    [
      "a version that the model has not",
      { microservice: "a", configItems: [{ ...bridge("x"), version: "v1" }] },
      /spec\.configItems\[0\]\.version: item 1: version is "v1", vpp\.l2 bridge-domain has v2; write that or leave it out/,
    ],
    [
      "an unknown field",
      { microservice: "a", configItems: [{ module: "vpp.l2", type: "bridge-domain", data: "name: x\nflod: true" }] },
      /spec\.configItems\[0\]\.data:2:7: item 1: .*field "flod" is unknown; did you mean "flood"\?/,
    ],
    [
      "an enum value that is none",
      {
        microservice: "a",
        configItems: [{ module: "linux.interfaces", type: "interface", data: "name: x\ntype: VETHH" }],
      },
      /data:2:7: item 1: .*field "type" is "VETHH", must be one of .*did you mean VETH\?/,
    ],
    [
      "a value of the wrong kind",
      {
        microservice: "a",
        configItems: [{ module: "linux.interfaces", type: "interface", data: "name: x\nmtu: big" }],
      },
      /data:2:6: item 1: .*field "mtu" is "big"/,
    ],
    [
      "a key without its parts",
      { microservice: "a", configItems: [{ module: "vpp.l2", type: "bridge-domain", data: "flood: true" }] },
      /item 1: .*no "name"/,
    ],
    [
      "YAML that is none",
      { microservice: "a", configItems: [{ module: "vpp.l2", type: "bridge-domain", data: "name: [" }] },
      /data:1:\d+: item 1: .*not valid YAML/,
    ],
    [
      "two items with one key",
      { microservice: "a", configItems: [bridge("x"), bridge("x")] },
      /item 2: the key .*is that of item 1 too/,
    ],
  ];

  for (const [what, spec, message] of refusals) {
    test(`${what} is refused at once, with the place`, async () => {
      const object = { ...resource("wrong", []), spec };
      await assert.rejects(world.apply(object), (error) => {
        assert.match(messageOf(error), message);
        return true;
      });
      assert.equal(await world.admin.find(cnfConfigurations, { namespace: "default", name: "wrong" }), undefined);
    });
  }

  test("a key of another resource is refused at once and names that resource", async () => {
    await world.apply(resource("first", [bridge("x")]));
    await world.untilStored([line("x")]);
    await assert.rejects(world.apply(resource("second", [bridge("x")])), (error) => {
      assert.match(messageOf(error), /spec\.configItems\[0\]: item 1: .*belongs to CNFConfiguration default\/first/);
      return true;
    });
    await cleared();
  });

  test("kubectl wait for Ready: when the agent has configured all of it, not earlier", {
    timeout: 30_000,
  }, async () => {
    await using _agent = new ReportingAgent(world.server.endpoint, "a", (key) =>
      key.endsWith("/late") ? { state: "PENDING", details: ["interface tap0"] } : {},
    );
    await world.apply(resource("good", [bridge("x"), bridge("y")]));
    await world.wait("good", "Ready");
    await world.apply(resource("waiting", [bridge("z"), bridge("late")]));
    const { status } = await world.wait("waiting", "Ready", "False");
    assert.deepEqual(
      status?.items?.map(({ state, message }) => [state, message]),
      [
        ["CONFIGURED", undefined],
        ["PENDING", "waits for interface tap0"],
      ],
    );
    assert.equal(status?.configured, "1/2");
    await cleared();
  });

  test("an agent that dies takes Ready with it, and one that is there again brings it back", {
    timeout: 60_000,
  }, async () => {
    const agent = new ReportingAgent(world.server.endpoint, "a");
    await world.apply(resource("one", [bridge("x")]));
    await world.wait("one", "Ready");
    await agent.kill();
    await world.wait("one", "Ready", "Unknown");
    await using _second = new ReportingAgent(world.server.endpoint, "a");
    await world.wait("one", "Ready");
    await cleared();
  });

  test("a steady state writes nothing, neither to the API server nor to etcd", { timeout: 60_000 }, async () => {
    await using _agent = new ReportingAgent(world.server.endpoint, "a");
    await world.apply(resource("one", [bridge("x")]));
    const { metadata } = await world.wait("one", "Ready");
    await pause(1_000);
    const writes = async (): Promise<string> => {
      const text = (await world.controller?.metrics.registry.metrics()) ?? "";
      return text
        .split("\n")
        .filter((one) => /^cnf_crd_(status_writes|etcd_transactions)_total/.test(one))
        .join();
    };
    const before = await writes();
    await pause(6_000);
    assert.equal(await writes(), before);
    const now = await world.admin.get(cnfConfigurations, { namespace: "default", name: "one" });
    assert.equal(
      now.metadata.resourceVersion,
      (await world.admin.get(cnfConfigurations, { namespace: "default", name: "one" })).metadata.resourceVersion,
    );
    assert.equal(now.metadata.generation, metadata.generation);
    await cleared();
  });

  test("a resource of thousands of items is taken in parts, changed and removed", { timeout: 120_000 }, async () => {
    const items = Array.from({ length: 3_000 }, (_, i) => bridge(`b${i}`));
    await world.apply(resource("big", items));
    await world.until(
      () => world.stored(),
      (found) => found.length === 3_000,
      60_000,
    );
    const { status } = await world.wait("big", "Stored", "True", 60_000);
    assert.equal(status?.items?.length, 1_000);
    await world.apply(resource("big", items.slice(2_900)));
    await world.until(
      () => world.stored(),
      (found) => found.length === 100,
      60_000,
    );
    await cleared();
  });

  test("what was deleted while no controller ran is gone after the next start", { timeout: 60_000 }, async () => {
    await world.apply(resource("one", [bridge("x")]));
    await world.apply(resource("two", [bridge("y")]));
    await world.untilStored([line("x"), line("y")]);
    await world.etcd.put("/vnf-agent/a/config/vpp/l2/v2/bridge-domain/foreign", "{}");
    await world.stop();
    await world.admin.delete(cnfConfigurations, { namespace: "default", name: "two" });
    await world.start();
    await world.untilStored([line("x"), "/vnf-agent/a/config/vpp/l2/v2/bridge-domain/foreign {}"]);
    await world.etcd.delete("/vnf-agent/a/config/vpp/l2/v2/bridge-domain/foreign");
    await cleared();
  });

  test("what gets past a webhook that is down is refused by the controller, in its status", {
    timeout: 60_000,
  }, async () => {
    await world.stop();
    await world.apply(resource("bad", [{ module: "no.such", type: "model", data: "" }]));
    await world.apply(resource("good", [bridge("x")]));
    await world.start();
    const { status } = await world.wait("bad", "Accepted", "False");
    assert.equal(status?.conditions?.[0]?.reason, "Invalid");
    await world.untilStored([line("x")]);
    await world.asked();
    await cleared();
  });
});
