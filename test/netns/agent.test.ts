import assert from "node:assert/strict";
import { readFile, rm, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { type Agent, cannotRun, type Pod, until, World } from "./agent-world.ts";

const skip = await cannotRun();
const options = { skip, timeout: 60_000 };

/** Three Pods, of which the agent in the middle one makes all: links, addresses, routes and the translation. */
async function chain(w: World): Promise<{ client: Pod; nat: Pod; web: Pod; agent: Agent }> {
  const [client, nat, web] = [await w.pod(), await w.pod(), await w.pod()];
  await nat.handle.sysctlSet("net.ipv4.ip_forward", "1");
  const yaml = `linuxConfig:
  interfaces:
  - {name: in, type: VETH, enabled: true, ip_addresses: [10.1.0.1/24], veth: {peer_if_name: client}}
  - {name: client, type: VETH, enabled: true, host_if_name: eth0, namespace: {type: FD, reference: "${client.path}"}, ip_addresses: [10.1.0.2/24, "fd01::2/64"], veth: {peer_if_name: in}}
  - {name: out, type: VETH, enabled: true, ip_addresses: [10.2.0.1/24], veth: {peer_if_name: web}}
  - {name: web, type: VETH, enabled: true, host_if_name: eth0, namespace: {type: FD, reference: "${web.path}"}, ip_addresses: [10.2.0.2/24], veth: {peer_if_name: out}}
  routes:
  - {outgoing_interface: client, dst_network: 10.2.0.0/24, gw_addr: 10.1.0.1}
  arp_entries:
  - {interface: out, ip_address: 10.2.0.77, hw_address: "02:00:00:00:00:77"}
  RuleChain:
  - {name: nat, table: NAT, chain_type: POSTROUTING, interfaces: [out], rules: ["-o out -j MASQUERADE"]}
  - {name: fw, table: FILTER, chain_type: FORWARD, default_policy: DROP, rules: ["-p tcp --dport 80:8080 -j allowed", "-m state --state ESTABLISHED -j ACCEPT"]}
  - {name: allowed, table: FILTER, chain_name: allowed, rules: ["-s 10.1.0.0/24 -j ACCEPT"]}
`;
  const agent = await w.agent(nat, "nat", yaml);
  await agent.configured(9);
  await w.server(web);
  return { client, nat, web, agent };
}

test("declared links, addresses, routes and rules carry packets, translated", options, async () => {
  await using w = await World.open();
  const { client, nat } = await chain(w);
  assert.equal(await w.ask(client, "10.2.0.2"), "10.2.0.1");
  assert.equal(await w.ask(client, "10.2.0.2", 70), "timeout");
  assert.deepEqual(await client.addresses("eth0"), ["10.1.0.2/24", "fd01::2/64"]);
  assert.match((await nat.handle.linkGet("in")).alias ?? "", /^\/vnf-agent\/nat\/in\/client$/);
});

test("what somebody takes away by hand is back, after a resync at the latest", options, async () => {
  await using w = await World.open();
  const { client, nat, web, agent } = await chain(w);
  await client.handle.routeDelete({ destination: "10.2.0.0/24", link: "eth0" });
  // With the last address of a link the kernel drops its neighbours too.
  await nat.handle.addrDelete({ link: "out", address: "10.2.0.1/24" });
  await web.handle.linkSet("eth0", { up: false });
  const { line } = await w.script(
    nat,
    `require("child_process").execFileSync("iptables",["-t","nat","-F","POSTROUTING"]);console.log("flushed")`,
  );
  assert.equal(await line, "flushed");
  // Parts of it are back by themselves already: routes and addresses are watched, rules and links that are down are not.
  await agent.resync();
  await agent.configured(9);
  assert.equal(await w.ask(client, "10.2.0.2"), "10.2.0.1");
  assert.ok(
    (await nat.handle.neighList({ link: "out" })).some(
      ({ address, state }) => address === "10.2.0.77" && state === "permanent",
    ),
  );
});

test("a VETH that somebody deletes is made again by a resync, with all that stands on it", options, async () => {
  await using w = await World.open();
  const { client, nat, agent } = await chain(w);
  await nat.handle.linkDelete("out");
  await agent.resync();
  await agent.configured(9);
  assert.equal(await w.ask(client, "10.2.0.2"), "10.2.0.1");
});

test(
  "an agent that is killed and started again takes over without a packet lost or an address touched",
  options,
  async () => {
    await using w = await World.open();
    const { client, nat, web, agent } = await chain(w);
    // One connection of the whole time, on which the server counts every 5 ms.
    const server = await w.script(
      web,
      `require("net").createServer((s)=>{let n=0;s.on("error",()=>{});setInterval(()=>s.write((n++)+"\\n"),5)}).listen(8080,"0.0.0.0",()=>console.log("ready"))`,
    );
    await server.line;
    const counter = await w.script(
      client,
      `const s=require("net").connect(8080,"10.2.0.2");let last=performance.now(),gap=0,n=0;s.on("data",(d)=>{const t=performance.now();if(n++)gap=Math.max(gap,t-last);last=t});s.on("error",(e)=>{console.log(e.code);process.exit()});setTimeout(()=>{console.log(JSON.stringify({gap:Math.round(gap),n}));process.exit()},6000)`,
    );
    const lost: string[] = [];
    const index = (await nat.handle.linkGet("out")).index;
    await new Promise((resolve) => setTimeout(resolve, 500));
    for (const pod of [client, nat, web]) {
      const monitor = w.use(await pod.handle.monitor({ groups: ["link", "addr", "route"] }));
      monitor.unref();
      void (async () => {
        for await (const event of monitor)
          if ("action" in event && event.action === "delete") lost.push(JSON.stringify(event));
      })();
    }
    await agent.kill();
    await agent.start();
    await agent.configured(9);
    assert.deepEqual([lost, (await nat.handle.linkGet("out")).index], [[], index]);
    const result = JSON.parse(await counter.line);
    assert.ok(result.n > 500 && result.gap < 250, JSON.stringify(result));
  },
);

test("an agent that starts again removes what was withdrawn meanwhile", options, async () => {
  await using w = await World.open();
  const { client, nat, agent } = await chain(w);
  await agent.kill();
  await agent.declare("linuxConfig: {interfaces: [{name: lo, type: LOOPBACK, enabled: true}]}");
  await agent.start();
  await agent.configured(1);
  const rules = async () =>
    (
      await w.script(
        nat,
        `console.log(JSON.stringify(require("child_process").execFileSync("iptables-save").toString()))`,
      )
    ).line;
  await until(async () => !/nsmkit:|allowed|DROP/.test(await rules()), "the rules are gone", 10_000);
  for (const pod of [client, nat])
    assert.deepEqual(
      (await pod.handle.linkList()).map(({ name }) => name).filter((name) => name !== "lo"),
      [],
    );
});

test(
  "a declaration that changes while the agent runs is in place within a moment, a broken one changes nothing",
  options,
  async () => {
    await using w = await World.open();
    const pod = await w.pod();
    const link = (more: string) =>
      `linuxConfig: {interfaces: [{name: a, type: VETH, enabled: true, veth: {peer_if_name: b}, ${more}}, {name: b, type: VETH, veth: {peer_if_name: a}}]}`;
    const agent = await w.agent(pod, "one", link("ip_addresses: [10.0.0.1/24]"));
    await agent.configured(2);
    const started = performance.now();
    await agent.declare(link("ip_addresses: [10.0.0.2/24]"));
    await until(async () => (await pod.addresses("a")).join() === "10.0.0.2/24", "the address changes");
    assert.ok(performance.now() - started < 1_000);
    await agent.declare(link("ip_addresses: [10.0.0.300/24]"));
    await until(async () => (await agent.http("GET", "/readiness")).status === 500, "the agent is not ready");
    const { json } = await agent.http<{ error: string }[]>("GET", "/info/files");
    assert.match(
      json[0]?.error ?? "",
      /one.yaml:1:28: linuxConfig.interfaces\[0\]: linux.interfaces interface "a": field "ip_addresses\[0\]" is "10.0.0.300\/24", must be an address with prefix length such as 10.0.0.1\/24/,
    );
    assert.deepEqual([await pod.addresses("a"), (await agent.http("GET", "/liveness")).status], [["10.0.0.2/24"], 500]);
    await rm(agent.declaration);
    await until(async () => (await pod.handle.linkList()).length === 1, "the links are withdrawn");
  },
);

test("an existing link is set up and addressed wherever it comes from, as soon as it is there", options, async () => {
  await using w = await World.open();
  const pod = await w.pod();
  const agent = await w.agent(
    pod,
    "edge",
    `linuxConfig:
  interfaces: [{name: uplink, type: EXISTING, host_if_name: eth7, enabled: true, mtu: 1400, phys_address: "02:00:00:00:00:99", ip_addresses: [192.0.2.9/24]}]
  routes: [{outgoing_interface: uplink, dst_network: 0.0.0.0/0, gw_addr: 192.0.2.1}]
`,
  );
  assert.equal(await agent.trouble("config/linux/interfaces/v2/interface/uplink"), "PENDING link eth7 exists");
  await pod.handle.linkAdd({ kind: "veth", name: "eth7", peer: { name: "far", up: true } });
  await agent.configured(2);
  const link = await pod.handle.linkGet("eth7");
  assert.deepEqual(
    [link.up, link.mtu, link.mac, await pod.addresses("eth7")],
    [true, 1400, "02:00:00:00:00:99", ["192.0.2.9/24"]],
  );
  assert.ok(
    (await pod.handle.routeList({ family: 4 })).some(
      ({ destination, gateway }) => destination === "default" && gateway === "192.0.2.1",
    ),
  );
  await pod.handle.linkSet("eth7", { up: false });
  await until(
    async () => (await agent.trouble("config/linux/l3/v2/route/0.0.0.0/0/uplink")) === "PENDING interface uplink is up",
    "the route waits",
  );
  await pod.handle.linkSet("eth7", { up: true });
  await agent.configured(2);
});

test("a named namespace is made when it is missing", options, async () => {
  await using w = await World.open();
  const pod = await w.pod();
  const name = `nsmagt-${process.pid}`;
  w.defer(async () => w.netlink.namespaces.delete({ name }).catch(() => {}));
  const agent = await w.agent(
    pod,
    "named",
    `linuxConfig: {interfaces: [{name: a, type: VETH, veth: {peer_if_name: b}}, {name: b, type: VETH, namespace: {type: NSID, reference: ${name}}, ip_addresses: [10.0.0.1/24], veth: {peer_if_name: a}}]}`,
  );
  await agent.configured(2);
  const made = w.use(await w.netlink.namespaces.open({ name }));
  const handle = w.use(w.netlink.handle(made));
  assert.equal((await handle.linkGet("b")).alias, "/vnf-agent/named/b/a");
});

test("rules go into the namespace that they name, of IPv4 and IPv6, and policies come back", options, async () => {
  await using w = await World.open();
  const [pod, other] = [await w.pod(), await w.pod()];
  const save = async (tool: string) =>
    (
      await w.script(other, `console.log(JSON.stringify(require("child_process").execFileSync("${tool}").toString()))`)
    ).line.then((line) => JSON.parse(line) as string);
  const agent = await w.agent(
    pod,
    "fw",
    `linuxConfig:
  RuleChain:
  - {name: v4, namespace: {type: FD, reference: "${other.path}"}, chain_type: INPUT, default_policy: DROP, rules: ["-i lo -j ACCEPT", "-p tcp -m comment --comment 'my own' --dport 22 -j ACCEPT"]}
  - {name: v6, namespace: {type: FD, reference: "${other.path}"}, protocol: IPV6, table: MANGLE, chain_type: PREROUTING, rules: ["-s fd00::/8 -j ACCEPT"]}
`,
  );
  await agent.configured(2);
  const v4 = await save("iptables-save");
  assert.match(v4, /:INPUT DROP/);
  assert.match(
    v4,
    /-A INPUT -i lo -m comment --comment "?nsmkit:fw:v4:[0-9a-f]{12}"? -j ACCEPT\n-A INPUT -p tcp -m comment --comment "my own" -m tcp --dport 22 -j ACCEPT/,
  );
  assert.match(await save("ip6tables-save"), /-A PREROUTING -s fd00::\/8 .*-j ACCEPT/);
  await agent.resync();
  const { json } = await agent.http<{ Description?: string; Executed?: unknown[] }[]>("GET", "/scheduler/txn-history");
  assert.deepEqual(json.at(-1)?.Executed ?? [], []);
  await agent.declare("linuxConfig: {}");
  await until(
    async () => /:INPUT ACCEPT \[\d+:\d+\]\n:FORWARD/.test(await save("iptables-save")),
    "the policy is back",
  );
  assert.doesNotMatch(await save("iptables-save"), /-A INPUT/);
});

const troubles: [what: string, yaml: string, key: string, expected: RegExp][] = [
  [
    "a link type that the kernel lacks",
    "linuxConfig: {interfaces: [{name: a, type: VRF_DEVICE, vrf_dev: {routing_table: 10}}]}",
    "config/linux/interfaces/v2/interface/a",
    /^(FAILED .*this kernel has no link type "vrf"; load its module|CONFIGURED)/,
  ],
  [
    "a rule that iptables does not know",
    'linuxConfig: {RuleChain: [{name: a, chain_type: INPUT, rules: ["-j ACCEPT", "--bogus"]}]}',
    "config/linux/iptables/v2/rulechain/a",
    /^FAILED linux.iptables rulechain "a": field "rules\[1\]" is "--bogus": unknown option "--bogus"$/,
  ],
  [
    "a namespace of a process that is gone",
    "linuxConfig: {interfaces: [{name: a, type: DUMMY, namespace: {type: PID, reference: '4194303'}}]}",
    "config/linux/interfaces/v2/interface/a",
    /^RETRYING .*4194303/,
  ],
  [
    "a file that is no namespace",
    "linuxConfig: {interfaces: [{name: a, type: DUMMY, namespace: {type: FD, reference: /etc/hostname}}]}",
    "config/linux/interfaces/v2/interface/a",
    /(RETRYING|FAILED) .*\/etc\/hostname/,
  ],
  [
    "a microservice that does not run",
    "linuxConfig: {interfaces: [{name: a, type: DUMMY, namespace: {type: MICROSERVICE, reference: other}}]}",
    "config/linux/interfaces/v2/interface/a",
    /^PENDING microservice other$/,
  ],
  [
    "a gateway that nothing reaches",
    "linuxConfig: {interfaces: [{name: lo, type: LOOPBACK, enabled: true, ip_addresses: [10.0.0.1/32]}], routes: [{outgoing_interface: lo, dst_network: 10.9.0.0/16, gw_addr: 10.8.0.1}]}",
    "config/linux/l3/v2/route/10.9.0.0/16/lo",
    /^PENDING gateway 10.8.0.1 is reachable$/,
  ],
];
test("what the system refuses or lacks is named in the status of the value", options, async () => {
  await using w = await World.open();
  const pod = await w.pod();
  const agent = await w.agent(pod, "bad", "linuxConfig: {}");
  for (const [what, yaml, key, expected] of troubles) {
    await agent.declare(yaml);
    let seen = "";
    const matches = async () => {
      seen = await agent.trouble(key);
      return expected.test(seen);
    };
    await until(matches, () => `${what}: ${expected} but ${seen}`);
    await agent.declare("linuxConfig: {}");
    await until(async () => (await agent.trouble(key)).startsWith("NONEXISTENT"), `${what} is withdrawn`);
  }
});

test("an agent without the right to change the network says so", options, async () => {
  await using w = await World.open();
  const pod = await w.pod();
  const directory = w.directory;
  await writeFile(
    `${directory}/initial-config.yaml`,
    "linuxConfig: {interfaces: [{name: a, type: VETH, veth: {peer_if_name: b}}, {name: b, type: VETH, veth: {peer_if_name: a}}]}",
  );
  await writeFile(`${directory}/poor.http.conf`, "endpoint: 127.0.0.1:0\n");
  const program = pod.spawn(
    ["setpriv", "--bounding-set=-all", "--inh-caps=-all", process.execPath, "cmd/nsm-agent-linux/src/main.ts"],
    { CONFIG_DIR: directory, HTTP_CONFIG: "poor.http.conf", FILEDB_CONFIG: "" },
  );
  let text = "";
  program.stderr?.on("data", (chunk: Buffer) => (text += chunk));
  w.defer(() => void program.kill("SIGKILL"));
  await until(
    () => text.includes("operation failed"),
    () => `an error: ${text}`,
    15_000,
  );
  assert.match(text, /PERMISSION_DENIED/);
});

test("a port that is taken ends the agent with one clear line", options, async () => {
  await using w = await World.open();
  const pod = await w.pod();
  const agent = await w.agent(pod, "first", "linuxConfig: {}");
  await writeFile(agent.file("http.conf"), "endpoint: 127.0.0.1:9191\n");
  await agent.kill();
  await agent.start();
  const second = pod.spawn([process.execPath, "cmd/nsm-agent-linux/src/main.ts"], {
    CONFIG_DIR: w.directory,
    HTTP_CONFIG: "first.http.conf",
    FILEDB_CONFIG: "",
    INITFILEREGISTRY_CONFIG: "",
  });
  let text = "";
  second.stderr?.on("data", (chunk: Buffer) => (text += chunk));
  const code = await new Promise((resolve) => second.once("exit", resolve));
  assert.deepEqual(
    [
      code,
      /HTTP endpoint 127.0.0.1:9191 is taken by another program; set HTTP_PORT or http.conf to a free one/.test(text),
    ],
    [1, true],
  );
});

test("SIGTERM ends an agent at once and leaves what it configured to work", options, async () => {
  await using w = await World.open();
  const { client, agent } = await chain(w);
  const started = performance.now();
  assert.equal(await agent.end("SIGTERM"), 0);
  assert.ok(performance.now() - started < 3_000);
  assert.equal(await w.ask(client, "10.2.0.2"), "10.2.0.1");
});

test("the example of the package's README does what it says", options, async () => {
  await using w = await World.open();
  const readme = await readFile(new URL("../../packages/agent/README.md", import.meta.url), "utf8");
  const code = /^```ts\n(.*?)^```$/ms.exec(readme)?.[1] ?? "";
  const child = (await w.pod()).spawn([process.execPath, "--input-type=module-typescript", "-e", code]);
  let text = "";
  child.stdout?.on("data", (chunk: Buffer) => (text += chunk));
  child.stderr?.on("data", (chunk: Buffer) => (text += chunk));
  await new Promise((resolve) => child.once("close", resolve));
  assert.equal(text, "CONFIGURED\n");
});

test("an IPv6 address works at once, also where IPv6 was switched off", options, async () => {
  await using w = await World.open();
  const [pod, other] = [await w.pod(), await w.pod()];
  await pod.handle.sysctlSet("net.ipv6.conf.all.disable_ipv6", "1");
  await pod.handle.sysctlSet("net.ipv6.conf.default.disable_ipv6", "1");
  const agent = await w.agent(
    pod,
    "six",
    `linuxConfig:
  interfaces:
  - {name: a, type: VETH, enabled: true, ip_addresses: ["fd00::1/64"], veth: {peer_if_name: b}}
  - {name: b, type: VETH, enabled: true, namespace: {type: FD, reference: "${other.path}"}, ip_addresses: ["fd00::2/64"], veth: {peer_if_name: a}}
  routes: [{outgoing_interface: a, dst_network: "fd01::/64", gw_addr: "fd00::2"}]
`,
  );
  await agent.configured(3);
  const address = (await pod.handle.addrList({ link: "a", family: 6 })).find((one) => one.address === "fd00::1/64");
  assert.equal(address?.tentative, false);
  assert.equal((await pod.handle.ping({ destination: "fd00::2", timeoutMs: 2_000 })).received, 1);
  await agent.resync();
  const { json } = await agent.http<{ Executed?: unknown[] }[]>("GET", "/scheduler/txn-history");
  assert.deepEqual(json.at(-1)?.Executed ?? [], []);
});
