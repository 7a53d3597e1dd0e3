import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { NetworkServiceSchema } from "@nsmkit/api/registry";
import { insecureIdentity } from "@nsmkit/sdk";
import { Context } from "@nsmkit/sdk/chain";
import { createRegistryClient } from "@nsmkit/sdk/registry";
import { type Agent, cannotRun, type Pod, type Program, until, World } from "./agent-world.ts";

const skip = await cannotRun();
const options = { skip, timeout: 90_000 };

interface Mesh {
  readonly nsmgrUrl: string;
  readonly registry: Program;
  readonly nsmgr: Program;
  readonly forwarder: Program;
}

/** Registry, nsmgr and forwarder of one node, and the service of the chain with its matches. */
async function mesh(w: World): Promise<Mesh> {
  const node = await w.pod();
  const at = (name: string): string => `unix://${w.directory}/${name}.sock`;
  const registry = await w.program(node, "nsm-registry", { NSM_LISTEN_ON: at("registry") });
  const nsmgr = await w.program(node, "nsmgr", {
    NSM_NAME: "nsmgr",
    NSM_LISTEN_ON: `${at("nsmgr")},tcp://127.0.0.1:0`,
    NSM_REGISTRY_URL: at("registry"),
  });
  const forwarder = await w.program(node, "nsm-forwarder", {
    NSM_NAME: "forwarder",
    NSM_CONNECT_TO: at("nsmgr"),
    NSM_LISTEN_ON: at("forwarder"),
  });
  const identity = w.use(insecureIdentity({ name: "test" }));
  const client = w.use(createRegistryClient({ connectTo: at("nsmgr"), identity }));
  const service = create(NetworkServiceSchema, {
    name: "chain",
    payload: "IP",
    matches: [
      { sourceSelector: { app: "client" }, routes: [{ destinationSelector: { app: "nat" } }] },
      { sourceSelector: { app: "nat" }, routes: [{ destinationSelector: { app: "web" } }] },
    ],
  });
  await client.services.request(new Context({ signal: AbortSignal.timeout(5_000) }), service);
  return { nsmgrUrl: at("nsmgr"), registry, nsmgr, forwarder };
}

const configuration = (name: string, items: string): string => `apiVersion: pantheon.tech/v1
kind: CNFConfiguration
metadata: {name: ${name}}
spec:
  microservice: ${name}
  configItems:
${items}`;

const declarations = {
  client: configuration(
    "client",
    `  - module: cnf.nsm
    version: v1
    type: client
    data: |-
      name: access
      network_service: chain
      outgoing_labels: [{key: app, value: client}]
      interface_name: tap0
      interface_type: KERNEL_INTERFACE
      ipAddresses: ["192.168.100.10/24"]
  - module: linux.l3
    type: route
    data: {outgoing_interface: tap0, scope: GLOBAL, dst_network: 80.80.80.0/24, gw_addr: 192.168.100.1}
`,
  ),
  nat: configuration(
    "nat",
    `  - module: cnf.nsm
    type: endpoint
    data: {network_service: chain, advertised_labels: [{key: app, value: nat}], interface_name_prefix: in, single_client: true, ipAddresses: ["192.168.100.1/24"]}
  - module: cnf.nsm
    type: client
    data: {name: access, network_service: chain, outgoing_labels: [{key: app, value: nat}], interface_name: out, ipAddresses: ["80.80.80.100/24"]}
  - module: linux.iptables
    type: rulechain
    data: {name: masquerade, table: NAT, chain_type: POSTROUTING, interfaces: [out], rules: ["-o out -j MASQUERADE"]}
`,
  ),
  web: configuration(
    "web",
    `  - module: cnf.nsm
    type: endpoint
    data: {network_service: chain, advertised_labels: [{key: app, value: web}], interface_name_prefix: eth, single_client: true, ipAddresses: ["80.80.80.80/24"]}
`,
  ),
};
/** How many values each agent has in the end, with those that connections bring. */
const counts = { client: 3, nat: 5, web: 2 };
type Name = keyof typeof declarations;

interface Chain {
  readonly pods: Record<Name, Pod>;
  readonly agents: Record<Name, Agent>;
  readonly mesh: Mesh;
}

async function chain(w: World): Promise<Chain> {
  const pods = { client: await w.pod(), nat: await w.pod(), web: await w.pod() };
  await pods.nat.handle.sysctlSet("net.ipv4.ip_forward", "1");
  const theMesh = await mesh(w);
  const start = (name: Name) => w.agent(pods[name], name, declarations[name], { NSM_CONNECT_TO: theMesh.nsmgrUrl });
  const [client, nat, web] = await Promise.all([start("client"), start("nat"), start("web")]);
  const agents = { client, nat, web };
  await configured({ agents });
  await w.server(pods.web);
  return { pods, agents, mesh: theMesh };
}

async function configured({ agents }: Pick<Chain, "agents">): Promise<void> {
  await Promise.all(Object.entries(agents).map(([name, agent]) => agent.configured(counts[name as Name], 30_000)));
}

/** Waits until a request crosses the chain. @returns how long that took, ms */
async function crosses(w: World, { pods }: Chain): Promise<number> {
  const started = performance.now();
  let seen = "";
  const asked = async () => {
    seen = await w.ask(pods.client, "80.80.80.80");
    return seen === "80.80.80.100";
  };
  await until(asked, () => `a request crosses, but ${seen}`, 20_000);
  return performance.now() - started;
}

test("a chain of three CNFs is declared in a few lines and carries a translated request", options, async () => {
  await using w = await World.open();
  const { pods } = await chain(w);
  assert.equal(await w.ask(pods.client, "80.80.80.80"), "80.80.80.100");
  assert.deepEqual(
    [
      await pods.client.addresses("tap0"),
      await pods.nat.addresses("in0"),
      await pods.nat.addresses("out"),
      await pods.web.addresses("eth0"),
    ],
    [["192.168.100.10/24"], ["192.168.100.1/24"], ["80.80.80.100/24"], ["80.80.80.80/24"]],
  );
});

test(
  "the mesh may come after the agents, and a service after its clients; neither holds up anything else",
  options,
  async () => {
    await using w = await World.open();
    const pod = await w.pod();
    const yaml = `${declarations.client}---
linuxConfig: {interfaces: [{name: lo, type: LOOPBACK, enabled: true, ip_addresses: [10.3.3.3/32]}]}
`;
    const agent = await w.agent(pod, "client", yaml, { NSM_CONNECT_TO: `unix://${w.directory}/nsmgr.sock` });
    await until(
      async () => (await pod.addresses("lo")).includes("10.3.3.3/32"),
      "the loopback is configured without a mesh",
      2_000,
    );
    const key = "config/cnf/nsm/v1/client/access";
    assert.match(await agent.trouble(key), /^PENDING/);
    await mesh(w);
    const web = await w.pod();
    const endpoint = declarations.web.replaceAll("web", "nat").replace("80.80.80.80", "192.168.100.1");
    await w.agent(web, "nat", endpoint, { NSM_CONNECT_TO: `unix://${w.directory}/nsmgr.sock` });
    await agent.configured(4, 30_000);
    assert.deepEqual(await pod.addresses("tap0"), ["192.168.100.10/24"]);
  },
);

test("a client of a service that nobody offers says so, and works when somebody does", options, async () => {
  await using w = await World.open();
  const { nsmgrUrl } = await mesh(w);
  const pod = await w.pod();
  const agent = await w.agent(pod, "client", declarations.client, { NSM_CONNECT_TO: nsmgrUrl });
  const key = "config/cnf/nsm/v1/client/access";
  let seen = "";
  const failed = async () => {
    seen = await agent.trouble(key);
    return seen.startsWith("RETRYING");
  };
  await until(failed, () => seen, 30_000);
  assert.match(seen, /^RETRYING cnf.nsm client "access" cannot connect to "chain": /);
  const other = await w.pod();
  const endpoint = declarations.web.replaceAll("web", "nat").replace("80.80.80.80", "192.168.100.1");
  await w.agent(other, "nat", endpoint, { NSM_CONNECT_TO: nsmgrUrl });
  await agent.configured(3, 40_000);
});

for (const [name, whom] of [
  ["client", "a client's"],
  ["nat", "the middle"],
  ["web", "an endpoint's"],
] as const) {
  test(`${whom} agent that is killed and started again takes its connections over`, options, async () => {
    await using w = await World.open();
    const running = await chain(w);
    const { pods, agents } = running;
    const links = async () =>
      (await pods[name].handle.linkList())
        .map(({ name: link, index }) => `${link}:${index}`)
        .sort()
        .join();
    const before = await links();
    await agents[name].kill();
    // Whether an endpoint's connections outlive its agent is for the mesh to say: it may give them up when nobody answers.
    if (name === "client") assert.equal(await w.ask(pods.client, "80.80.80.80"), "80.80.80.100", "packets flow");
    await agents[name].start();
    await until(async () => (await agents[name].values()).missing.length === 0, "the agent is content", 30_000);
    const took = await crosses(w, running);
    assert.ok(took < 5_000, `${took} ms`);
    if (name === "client") assert.equal(await links(), before);
  });
}

for (const name of ["nsmgr", "forwarder", "registry"] as const) {
  test(`the chain works again after ${name} was killed`, options, async () => {
    await using w = await World.open();
    const running = await chain(w);
    await running.mesh[name].kill();
    assert.equal(await w.ask(running.pods.client, "80.80.80.80"), "80.80.80.100", "packets flow meanwhile");
    await running.mesh[name].start();
    await crosses(w, running);
    await configured(running);
  });
}

test(
  "a withdrawn client takes its interface, route and rules along, and gives the endpoint free for another",
  options,
  async () => {
    await using w = await World.open();
    const running = await chain(w);
    const { pods, agents } = running;
    await agents.client.declare("linuxConfig: {}");
    await until(async () => (await pods.client.handle.linkList()).length === 1, "the client's link is gone");
    await until(async () => (await pods.nat.addresses("in0")).length === 0, "the endpoint's link is gone");
    await agents.client.declare(declarations.client);
    await configured(running);
    assert.equal(await w.ask(pods.client, "80.80.80.80"), "80.80.80.100");
  },
);

test("an endpoint that is withdrawn and declared again gets its clients back", options, async () => {
  await using w = await World.open();
  const running = await chain(w);
  await running.agents.web.declare("linuxConfig: {}");
  await until(async () => (await running.agents.nat.values()).missing.length > 0, "the client notices", 20_000);
  await running.agents.web.declare(declarations.web);
  await configured(running);
  await crosses(w, running);
});

test("SIGTERM closes the connections of an agent everywhere", options, async () => {
  await using w = await World.open();
  const { pods, agents } = await chain(w);
  assert.equal(await agents.client.end("SIGTERM"), 0);
  await until(async () => (await pods.client.handle.linkList()).length === 1, "the client's link is gone");
  await until(async () => (await pods.nat.addresses("in0")).length === 0, "the endpoint's link is gone");
});
