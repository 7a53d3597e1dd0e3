import assert from "node:assert/strict";
import { test } from "node:test";
import { CodedError } from "@nsmkit/core";
import { World } from "../testing.ts";

const chains = (text: string) => `linuxConfig:\n  RuleChain:\n${text}`;
const key = (name: string): string => `config/linux/iptables/v2/rulechain/${name}`;
/** A rule without its mark. */
const plain = (rules: readonly string[] | undefined) =>
  rules?.map((rule) => rule.replace(/-m comment --comment "nsmkit:[^"]*" /, ""));

test("a chain holds exactly the declared rules, and changes in one commit", async () => {
  await using w = await World.start();
  await w.declare(
    chains('  - {name: out, table: NAT, chain_type: POSTROUTING, rules: ["-o a -j MASQUERADE", "-o b -j MASQUERADE"]}'),
  );
  assert.deepEqual(plain(w.iptables.rules("nat", "POSTROUTING")), ["-o a -j MASQUERADE", "-o b -j MASQUERADE"]);
  w.iptables.inputs.length = 0;
  await w.declare(chains('  - {name: out, table: NAT, chain_type: POSTROUTING, rules: ["-o c -j MASQUERADE"]}'));
  assert.deepEqual(plain(w.iptables.rules("nat", "POSTROUTING")), ["-o c -j MASQUERADE"]);
  assert.equal(w.iptables.inputs.length, 1);
});

test("a chain waits for the interfaces that it lists, and is emptied when one goes", async () => {
  await using w = await World.start();
  const rule = '  - {name: out, table: NAT, chain_type: POSTROUTING, interfaces: [a], rules: ["-o a -j MASQUERADE"]}';
  await w.declare(chains(rule));
  assert.deepEqual(w.status(key("out")).details, ["interface a"]);
  await w.declare(`${chains(rule)}\n  interfaces: [{name: a, type: DUMMY}]`);
  assert.equal(w.iptables.rules("nat", "POSTROUTING")?.length, 1);
  await w.declare(chains(rule));
  assert.deepEqual(w.iptables.rules("nat", "POSTROUTING"), []);
});

test("withdrawing a chain gives back the policy that it changed", async () => {
  await using w = await World.start();
  await w.declare(chains('  - {name: fw, chain_type: FORWARD, default_policy: DROP, rules: ["-i a -j ACCEPT"]}'));
  assert.equal(w.iptables.policy("filter", "FORWARD"), "DROP");
  await w.declare(chains('  - {name: fw, chain_type: FORWARD, rules: ["-i a -j ACCEPT"]}'));
  assert.deepEqual(
    [w.iptables.policy("filter", "FORWARD"), w.iptables.rules("filter", "FORWARD")?.length],
    ["ACCEPT", 1],
  );
  await w.declare(chains("  - {name: fw, chain_type: FORWARD, default_policy: DROP}"));
  await w.declare("linuxConfig: {RuleChain: []}");
  assert.deepEqual([w.iptables.policy("filter", "FORWARD"), w.iptables.rules("filter", "FORWARD")], ["ACCEPT", []]);
});

test("a chain that jumps to a user-defined one waits for it, and goes before it", async () => {
  await using w = await World.start();
  const jump = '  - {name: in, chain_type: INPUT, rules: ["-p tcp -j web"]}';
  await w.declare(chains(jump));
  assert.deepEqual(w.status(key("in")).details, ["rule chain web of table filter"]);
  await w.declare(chains(`${jump}\n  - {name: web, chain_name: web, rules: ["--dport 80 -j ACCEPT"]}`));
  assert.deepEqual(
    [w.status(key("in")).state, plain(w.iptables.rules("filter", "web"))],
    ["CONFIGURED", ["--dport 80 -j ACCEPT"]],
  );
  await w.declare("linuxConfig: {RuleChain: []}");
  assert.deepEqual([w.iptables.rules("filter", "INPUT"), w.iptables.rules("filter", "web")], [[], undefined]);
});

test("a rule that iptables refuses is named with its field, and the chain stays as it was", async () => {
  await using w = await World.start();
  await w.declare(chains('  - {name: in, chain_type: INPUT, rules: ["-j ACCEPT"]}'));
  await w.declare(chains('  - {name: in, chain_type: INPUT, default_policy: DROP, rules: ["-j ACCEPT", "--bogus 1"]}'));
  assert.equal(
    w.status(key("in")).error,
    'linux.iptables rulechain "in": field "rules[1]" is "--bogus 1": unknown option "--bogus"',
  );
  assert.deepEqual(
    [plain(w.iptables.rules("filter", "INPUT")), w.iptables.policy("filter", "INPUT")],
    [["-j ACCEPT"], "ACCEPT"],
  );
});

test("a missing iptables is named with its package", async () => {
  await using w = await World.start();
  w.iptables.failure = new CodedError(
    "UNSUPPORTED",
    "iptables-restore is not installed; install the package iptables (apt-get install iptables)",
    { retryable: true },
  );
  await w.declare(chains('  - {name: in, chain_type: INPUT, rules: ["-j ACCEPT"]}'));
  assert.deepEqual(
    [w.status(key("in")).state, w.status(key("in")).error],
    [
      "RETRYING",
      'linux.iptables rulechain "in": iptables-restore is not installed; install the package iptables (apt-get install iptables)',
    ],
  );
});

test("rules that somebody changed are found and put right by a resync, unchanged ones are left", async () => {
  await using w = await World.start();
  const declared = chains(
    '  - {name: in, chain_type: INPUT, rules: ["-p tcp -j ACCEPT", "-j DROP"]}\n  - {name: out, chain_type: OUTPUT, rules: ["-j ACCEPT"]}',
  );
  await w.declare(declared);
  w.iptables.inputs.length = 0;
  await w.resync();
  assert.deepEqual(w.iptables.inputs, []);
  w.iptables.disturb("filter", "INPUT", (rules) => rules.splice(0, 1));
  await w.resync();
  assert.deepEqual(plain(w.iptables.rules("filter", "INPUT")), ["-p tcp -j ACCEPT", "-j DROP"]);
  assert.equal(w.iptables.inputs.length, 1);
});

test("two values about one chain are refused, naming both", async () => {
  await using w = await World.start();
  const twice = w.items(chains("  - {name: a, chain_type: INPUT}\n  - {name: b, chain_type: INPUT}"));
  assert.throws(
    () => w.agent.northbound.check([{ source: "x", put: twice }]),
    /rulechain "b": chain INPUT of table filter is that of rule chain "a" \(test:3:5: linuxConfig.RuleChain\[0\]\) too; put all its rules into one/,
  );
});
