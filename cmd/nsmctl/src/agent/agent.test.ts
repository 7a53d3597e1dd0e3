import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type FakeAgent, runAgent, startFakeAgent } from "./testing.ts";

const folder = mkdtempSync(join(tmpdir(), "nsmctl-agent-"));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const routeFile = file(
  "route.yaml",
  "linuxConfig:\n  routes:\n    - { outgoingInterface: tap0, dst_network: 80.80.80.0/24, gw_addr: 192.168.100.1 }\n",
);

async function ok(agent: FakeAgent, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runAgent(args, agent);
  assert.equal(code, 0, stderr);
  return stdout;
}

test("config get prints what the generic manager has, as configuration", async () => {
  await using agent = await startFakeAgent({ grpc: "generic" });
  assert.equal(
    await ok(agent, "config", "get"),
    "linuxConfig:\n  routes:\n    - outgoing_interface: tap0\n      dst_network: 80.80.80.0/24\n      gw_addr: 192.168.100.1\n",
  );
});

test("config get as a table shows what became of values, and their labels", async () => {
  await using agent = await startFakeAgent({ grpc: "generic" });
  assert.match(
    await ok(agent, "config", "get", "-o", "table"),
    /linux\.l3\.route +80\.80\.80\.0\/24\/tap0 +CONFIGURED +io\.ligato\.from-client=agentctl/,
  );
});

test("config get asks the configurator of an agent without the generic manager", async () => {
  await using agent = await startFakeAgent({ grpc: "configurator" });
  assert.match(await ok(agent, "config", "get", "-f", "json"), /"dst_network": "80\.80\.80\.0\/24"/);
});

test("config get of an agent without gRPC and REST is read from its scheduler, and says so", async () => {
  await using agent = await startFakeAgent({ grpc: "none" });
  const { code, stdout, stderr } = await runAgent(["config", "get"], agent);
  assert.equal(code, 0);
  assert.match(stdout, /routes:\n {4}- outgoing_interface: tap0/);
  assert.match(stderr, /read from its scheduler/);
});

test("labels are refused where nobody can tell them", async () => {
  await using agent = await startFakeAgent({ grpc: "none" });
  const { code, stderr } = await runAgent(["config", "get", "--labels", "a=b"], agent);
  assert.equal(code, 1);
  assert.match(stderr, /--labels cannot be asked for: .*no grpc\.conf/);
});

test("config update sends values with labels in one request", async () => {
  await using agent = await startFakeAgent({ grpc: "generic" });
  const args = ["config", "update", "--replace", "--labels", "site=east,x", routeFile];
  assert.equal(await ok(agent, ...args), "1 value declared over gRPC, transaction 7\n");
  const [request] = agent.set;
  assert.equal(request?.overwriteAll, true);
  assert.deepEqual(request?.updates[0]?.labels, { site: "east", x: "" });
  assert.equal(request?.updates[0]?.item?.id?.name, "80.80.80.0/24/tap0");
});

test("config update marks values as ours where no labels are given", async () => {
  await using agent = await startFakeAgent({ grpc: "generic" });
  await ok(agent, "config", "update", routeFile);
  assert.deepEqual(agent.set[0]?.updates[0]?.labels, { "io.ligato.from-client": "nsmctl" });
});

test("config delete sends the names of values without their data", async () => {
  await using agent = await startFakeAgent({ grpc: "generic" });
  await ok(agent, "config", "delete", routeFile);
  const item = agent.set[0]?.updates[0]?.item;
  assert.deepEqual([item?.id?.model, item?.id?.name, item?.data], ["linux.l3.route", "80.80.80.0/24/tap0", undefined]);
});

test("a value that a Ligato agent does not know any more is gone, one that it does not know yet is not in place", async () => {
  await using agent = await startFakeAgent({ grpc: "generic" });
  assert.match(await ok(agent, "config", "delete", routeFile, "--wait"), /all are gone\n$/);
  const { code, stderr } = await runAgent(["config", "update", routeFile, "--wait", "--timeout", "300ms"], agent);
  assert.equal(code, 1);
  assert.match(stderr, /route\/80\.80\.80\.0\/24\/tap0 is NONEXISTENT/);
});

test("config update goes to the configurator of an agent without the generic manager", async () => {
  await using agent = await startFakeAgent({ grpc: "configurator" });
  assert.equal(await ok(agent, "config", "update", routeFile), "1 value declared over gRPC (configurator)\n");
  assert.equal(agent.updates[0]?.update?.linuxConfig?.routes[0]?.dstNetwork, "80.80.80.0/24");
});

test("what the configurator has no field for is refused by name", async () => {
  await using agent = await startFakeAgent({ grpc: "configurator" });
  const chain = file("chain.yaml", "linuxConfig:\n  RuleChain: [{ name: nat, table: NAT }]\n");
  const { code, stderr } = await runAgent(["config", "update", chain], agent);
  assert.equal(code, 1);
  assert.match(stderr, /does not take linux\.iptables\.rulechain; .*--via etcd/);
});

test("config update without gRPC goes over REST", async () => {
  await using agent = await startFakeAgent({ grpc: "none", paths: { "PUT /configuration": [200, { seqnum: 3 }] } });
  assert.equal(
    await ok(agent, "config", "update", "--replace", routeFile),
    "1 value declared over REST, transaction 3\n",
  );
  assert.ok(agent.asked.includes("PUT /configuration?replace=1"));
  assert.match(agent.bodies.at(-1) ?? "", /outgoing_interface: tap0/);
});

test("where an agent serves neither, the error says which file switches gRPC on, and what else helps", async () => {
  await using agent = await startFakeAgent({ grpc: "none" });
  const { code, stderr } = await runAgent(["config", "update", routeFile], agent);
  assert.equal(code, 1);
  assert.match(stderr, /grpc\.conf.*"endpoint: 0\.0\.0\.0:9111".*--via etcd/s);
});

test("mistakes in files are told with their lines, and nothing is sent", async () => {
  await using agent = await startFakeAgent({ grpc: "generic" });
  const wrong = file("wrong.yaml", "linuxConfig:\n  routes:\n    - { outgoing_iface: tap0 }\n");
  const { code, stderr } = await runAgent(["config", "update", wrong], agent);
  assert.equal(code, 2);
  assert.match(stderr, /wrong\.yaml:3:7: .*"outgoing_iface" is unknown/);
  assert.deepEqual(agent.set, []);
});

test("CNFConfigurations need the label of the agent that they are for", async () => {
  await using agent = await startFakeAgent({ grpc: "generic" });
  const cnf = file(
    "cnf.yaml",
    "apiVersion: pantheon.tech/v1\nkind: CNFConfiguration\nmetadata: {name: a}\nspec:\n  microservice: nat\n  configItems:\n    - module: linux.l3\n      type: route\n      data: 'dst_network: 80.0.0.0/8'\n",
  );
  const { code, stderr } = await runAgent(["config", "update", cnf], agent);
  assert.equal(code, 2);
  assert.match(stderr, /without --service-label \(CNFConfiguration default\/a item 1 \(microservice nat\)\)/);
  await ok(agent, "--service-label", "nat", "config", "update", cnf);
  assert.equal(agent.set.length, 1);
});

test("values, history, status and loggers of a Ligato agent are shown", async () => {
  await using agent = await startFakeAgent({ grpc: "none" });
  assert.match(
    await ok(agent, "values"),
    /linux\.l3\.route +80\.80\.80\.0\/24\/tap0 +PENDING +CREATE +interface-is-up/,
  );
  assert.match(await ok(agent, "config", "history"), /1 +config replace +\d+ d +100 ms +1 value +- +ok +1 PENDING/);
  assert.match(await ok(agent, "log", "list"), /nsm +info/);
  assert.equal(await ok(agent, "log", "set", "nsm", "debug"), "logger nsm has been set to level debug\n");
  const { code, stdout } = await runAgent(["status"], agent);
  // A value waits.
  assert.equal(code, 1);
  assert.match(stdout, /Version: +v3\.1\.0\n[\s\S]*State: +OK\nParts:\n {2}etcd: OK\n {2}nsm: ERROR: no socket/);
});

test("dump unwraps values and asks only for what the agent can dump", async () => {
  await using agent = await startFakeAgent({ grpc: "none" });
  const text = await ok(agent, "dump", "linux.*", "--view", "nb", "-o", "json");
  assert.deepEqual(JSON.parse(text)[0].Value, {
    outgoing_interface: "tap0",
    dst_network: "80.80.80.0/24",
    gw_addr: "192.168.100.1",
  });
  assert.deepEqual(agent.asked, [
    "GET /scheduler/dump",
    "GET /scheduler/dump?key-prefix=config%2Flinux%2Fl3%2Fv2%2Froute%2F&view=NB",
  ]);
});

test("a model that only the agent knows is listed", async () => {
  await using agent = await startFakeAgent({ grpc: "generic" });
  assert.match(
    await ok(agent, "model", "list", "vpp.*"),
    /vpp\.abx\.abx +config +vpp\.abx\.ABX +config\/vpp\/abx\/v1\/abx\//,
  );
});

test("a pattern without model is an error of the command line", async () => {
  await using agent = await startFakeAgent({ grpc: "generic" });
  const { code, stderr } = await runAgent(["dump", "linux.l4.*"], agent);
  assert.equal(code, 2);
  assert.match(stderr, /no model matches "linux\.l4\.\*"/);
});

test("an agent that wants a password says so, and gets it", async () => {
  await using agent = await startFakeAgent({ grpc: "none", basicAuth: "ann:s3cret" });
  const { code, stderr } = await runAgent(["values"], agent);
  assert.equal(code, 1);
  assert.match(stderr, /--http-basic-auth user:password/);
  await ok(agent, "values", "--http-basic-auth", "ann:s3cret");
});

test("options of the agent may stand before and after the command; what stands after wins", async () => {
  await using agent = await startFakeAgent({ grpc: "none" });
  const { code } = await runAgent(["--http-port", "1", "values", "--http-port", `${agent.httpPort}`]);
  assert.equal(code, 0);
});

for (const [what, args, message] of [
  ["a port that is none", ["status", "--http-port", "0"], /--http-port is "0"; write a port/],
  ["a duration without unit", ["status", "--timeout", "5x"], /--timeout is "5x"/],
  ["a certificate without key", ["status", "--tls-cert", "/x"], /go together/],
  ["a number of a transaction that is none", ["config", "history", "last"], /"last" is no number/],
  ["a key of nobody", ["kvdb", "get", "/other/x"], /is no key of an agent/],
  ["a short key without label", ["kvdb", "get", "config/x"], /give --service-label/],
] as const)
  test(`${what} is refused with the remedy, exit code 2`, async () => {
    const { code, stderr } = await runAgent(args);
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
  });
