// From kubectl apply to a configured network function, and the truth back: API server, cnf-crd, etcd and an agent, all real.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { cnfConfigurations } from "../../cmd/cnf-crd/src/declared/resource.ts";
import { resource } from "../../cmd/cnf-crd/src/testing/world.ts";
import { cannotRun, until, World } from "../netns/agent-world.ts";
import { CnfCrdWorld } from "./cnf-crd-world.ts";
import { ControlPlane, controlPlaneMissing } from "./control-plane.ts";

const skip = controlPlaneMissing() ?? (await cannotRun()) ?? false;

const link = (name: string, peer: string, address?: string): object => ({
  module: "linux.interfaces",
  type: "interface",
  data: `name: ${name}\ntype: VETH # a pair\nenabled: true\nveth: { peerIfName: ${peer} }\n${address ? `ipAddresses: ["${address}"]\n` : ""}`,
});
const route = (network: string, gateway: string): object => ({
  module: "linux.l3",
  type: "route",
  data: `outgoing_interface: c1\nscope: GLOBAL\ndst_network: ${network}\ngw_addr: ${gateway}\n`,
});

describe("a CNFConfiguration and the agent that it is for", { skip }, () => {
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

  test("links, addresses and routes come, Ready tells it, what waits says for what, and all goes with the resource", {
    timeout: 120_000,
  }, async () => {
    await using w = await World.open();
    const conf = `endpoints: ["${world.server.unixEndpoint}"]\ninsecure-transport: true\nsession-ttl: 2\n`;
    await writeFile(join(w.directory, "box.etcd.conf"), conf);
    const pod = await w.pod();
    const object = (items: readonly object[]) => ({
      ...resource("box", items),
      spec: { microservice: "box", configItems: items },
    });
    const pair = [link("c1", "c2", "10.9.1.1/24"), link("c2", "c1")];
    await world.apply(object(pair));
    const early = await world.wait("box", "Ready", "Unknown");
    assert.match(early.status?.message ?? "", /no agent with the label box reports/);
    const agent = await w.agent(pod, "box", "", { ETCD_CONFIG: "box.etcd.conf" });
    await world.wait("box", "Ready", "True", 40_000);
    assert.deepEqual(await pod.addresses("c1"), ["10.9.1.1/24"]);

    await world.apply(object([...pair, route("10.8.0.0/16", "10.9.1.2"), route("10.7.0.0/16", "172.16.0.1")]));
    const waiting = await world.wait("box", "Ready", "False", 40_000);
    assert.deepEqual(
      waiting.status?.items?.map(({ state }) => state),
      ["CONFIGURED", "CONFIGURED", "CONFIGURED", "PENDING"],
    );
    assert.match(waiting.status?.items?.[3]?.message ?? "", /^waits for /, agent.all());
    await world.apply(object([...pair, route("10.8.0.0/16", "10.9.1.2")]));
    await world.wait("box", "Ready", "True", 40_000);

    await world.admin.delete(cnfConfigurations, { namespace: "default", name: "box" });
    await until(async () => {
      const links = await pod.handle.linkList();
      return !links.some(({ name }) => /^c[12]$/.test(name));
    }, "the links are gone");
  });
});
