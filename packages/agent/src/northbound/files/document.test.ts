import assert from "node:assert/strict";
import { test } from "node:test";
import { knownModels } from "@nsmkit/api/model";
import { allModels } from "@nsmkit/api/model/vpp";
import { isCodedError } from "@nsmkit/core";
import fc from "fast-check";
import { type Declaration, readDeclaration } from "./document.ts";

const read = (text: string): Declaration =>
  readDeclaration(text, { name: "chain.yaml", models: knownModels, label: "nat" });
const keys = (text: string): string[] => read(text).items.map((item) => item.key);

/** The message of the INVALID_CONFIG that reading gives. */
function refusal(text: string): string {
  try {
    read(text);
  } catch (error) {
    assert.ok(isCodedError(error, "INVALID_CONFIG"), String(error));
    return error.message;
  }
  return assert.fail("was accepted");
}

const configuration = (items: string, spec = "microservice: nat"): string => `apiVersion: pantheon.tech/v1
kind: CNFConfiguration
metadata:
  name: nat
spec:
  ${spec}
  configItems:
${items}`;

test("a CNFConfiguration may write data as text or as an object, in snake_case and camelCase", () => {
  assert.deepEqual(
    keys(
      configuration(`  - module: cnf.nsm
    version: v1
    type: client
    data: |-
      name: access
      network_service: web
      interface_name: tap0
      ipAddresses: [10.0.0.1/24]
  - module: linux.l3
    type: route
    data: { outgoing_interface: tap0, dst_network: 10.1.2.3/16, gw_addr: 10.0.0.254 }`),
    ),
    ["config/cnf/nsm/v1/client/access", "config/linux/l3/v2/route/10.1.0.0/16/tap0"],
  );
});

test("items for another microservice are left out unread, and said to be", () => {
  const declaration = read(
    configuration(
      "  - { module: vpp.nat, type: nat44-global, data: '{' }\n  - { module: cnf.nsm, type: client, microservice: nat, data: {name: a, network_service: b, interface_name: c} }",
      "microservice: other",
    ),
  );
  assert.deepEqual(
    declaration.items.map((item) => item.key),
    ["config/cnf/nsm/v1/client/a"],
  );
  assert.deepEqual(declaration.ignored, ["CNFConfiguration default/nat item 1 (microservice other)"]);
});

test("objects of Kubernetes that an agent has no use for are named, also inside a List", () => {
  assert.deepEqual(
    read(
      "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: nat, namespace: a}}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: b}",
    ).ignored,
    ["Pod a/nat", "Secret default/b"],
  );
});

test("a Ligato configuration is read with the group and field names of agentctl, in both spellings", () => {
  const expected = [
    "config/linux/interfaces/v2/interface/a",
    "config/linux/l3/v2/arp/a/10.0.0.2",
    "config/linux/iptables/v2/rulechain/c",
    "config/netalloc/v1/ip/network/n/interface/i",
    "config/cnf/nsm/v1/endpoint/web",
  ];
  for (const [linux, arps, netalloc, addresses] of [
    ["linuxConfig", "arpEntries", "netallocConfig", "ipAddresses"],
    ["linux_config", "arp_entries", "netalloc_config", "ip_addresses"],
  ]) {
    assert.deepEqual(
      keys(`${linux}:
  interfaces: [{name: a, type: LOOPBACK}]
  ${arps}: [{interface: a, ip_address: 10.0.0.2, hw_address: "02:00:00:00:00:01"}]
  RuleChain: [{name: c}]
${netalloc}:
  ${addresses}: [{network_name: n, interface_name: i, address: 10.0.0.1/24}]
cnfConfig:
  NetworkServiceEndpoint_list: [{network_service: web}]
`),
      expected,
    );
  }
});

test("a key-value list takes keys with the agent's prefix or without it, and leaves out other agents' keys", () => {
  const declaration = read(`data:
- key: /vnf-agent/nat/config/linux/interfaces/v2/interface/a
  value: {name: a}
- key: config/linux/interfaces/v2/interface/b
  value: {name: b}
- key: /vnf-agent/other/config/vpp/v2/interfaces/c
  value: {}
---
config/linux/interfaces/v2/interface/d: {name: d}
`);
  assert.deepEqual(
    declaration.items.map((item) => item.key.split("/").at(-1)),
    ["a", "b", "d"],
  );
  assert.deepEqual(declaration.ignored, ["/vnf-agent/other/config/vpp/v2/interfaces/c"]);
});

const table: [what: string, text: string, expected: string | RegExp][] = [
  [
    "an unknown field",
    configuration(
      "  - module: linux.interfaces\n    type: interface\n    data: |\n      name: tap0\n      ip_addreses: [1]",
    ),
    'chain.yaml:12:20: CNFConfiguration default/nat item 1: linux.interfaces interface "tap0": field "ip_addreses" is unknown; did you mean "ip_addresses"?',
  ],
  [
    "a wrong enum",
    "linuxConfig: {interfaces: [{name: a, type: VETHH}]}",
    /^chain.yaml:1:28: linuxConfig.interfaces\[0\]: linux.interfaces interface "a": field "type" is "VETHH", must be one of UNDEFINED, VETH, .*; did you mean VETH\?$/,
  ],
  [
    "a model of another agent",
    configuration("  - {module: vpp.nat, type: nat44-pool, data: {}}"),
    /item 1: the model vpp.nat nat44-pool is unknown here; this agent knows cnf.nsm client, .*; VPP models need nsm-agent-vpp$/,
  ],
  [
    "a wrong model version",
    configuration("  - {module: cnf.nsm, version: v2, type: client, data: {}}"),
    /item 1: version is "v2", cnf.nsm client has v1; write that or leave it out$/,
  ],
  [
    "an item for nobody",
    configuration("  - {module: cnf.nsm, type: client, data: {}}", "{}").replace("  {}\n", ""),
    /item 1: has no microservice and neither has spec; name the agent \(its MICROSERVICE_LABEL\) that it is for$/,
  ],
  [
    "a misspelt item field",
    configuration("  - {modul: cnf.nsm, type: client, data: {}}"),
    /field "modul" is unknown; the fields are microservice, module, version, type, name, data\n/,
  ],
  [
    "a missing spec",
    "apiVersion: pantheon.tech/v1\nkind: CNFConfiguration\nmetadata: {name: a}",
    "chain.yaml:1:1: CNFConfiguration default/a: spec is missing; write spec with microservice and configItems",
  ],
  [
    "a foreign API version",
    "apiVersion: pantheon.tech/v2\nkind: CNFConfiguration\nmetadata: {name: a}",
    'chain.yaml:1:13: CNFConfiguration default/a: apiVersion is "pantheon.tech/v2"; write pantheon.tech/v1',
  ],
  [
    "YAML inside data that is none",
    configuration("  - {module: cnf.nsm, type: client, data: 'name: [a'}"),
    /CNFConfiguration default\/nat item 1 data:1:\d+: not valid YAML: .*; align the lines of one block|CNFConfiguration default\/nat item 1 data:1:\d+: not valid YAML/,
  ],
  [
    "the same value twice",
    "linuxConfig: {interfaces: [{name: a}, {name: a}]}",
    "chain.yaml:1:39: linuxConfig.interfaces[1]: linux.interfaces.interface config/linux/interfaces/v2/interface/a is declared twice, also at chain.yaml:1:28: linuxConfig.interfaces[0]; keep one",
  ],
  [
    "a value without the name its key needs",
    "linuxConfig: {interfaces: [{type: LOOPBACK}]}",
    /linux.interfaces interface: no "name"; give every interface its own$/,
  ],
  [
    "a key that does not fit its value",
    "config/linux/interfaces/v2/interface/a: {name: b}",
    'chain.yaml:1:41: key "config/linux/interfaces/v2/interface/a" does not fit its value, whose key is "config/linux/interfaces/v2/interface/b"; correct one of them',
  ],
  [
    "a key of no model",
    "data: [{key: config/vpp/v2/interfaces/a, value: {}}]",
    /key "config\/vpp\/v2\/interfaces\/a" belongs to no model of this agent; keys begin with config\/cnf/,
  ],
  [
    "a group of another agent",
    "vppConfig: {}",
    'chain.yaml:1:12: "vppConfig" is unknown here; this agent has cnfConfig, linuxConfig, netallocConfig; VPP models need nsm-agent-vpp',
  ],
  [
    "an unknown list",
    "linuxConfig: {interface: []}",
    "chain.yaml:1:26: linuxConfig.interface is unknown; linuxConfig has interfaces, arp_entries, routes, RuleChain",
  ],
  [
    "a list that is none",
    "linuxConfig: {interfaces: {name: a}}",
    "chain.yaml:1:27: linuxConfig.interfaces is no list; put a - before each value",
  ],
  [
    "a document of no known kind",
    "hello: world",
    /^chain.yaml:1:1: document 1 is an object with hello; expected a CNFConfiguration .*, a Ligato configuration .* or a list of keys and values \(data\)$/,
  ],
  ["plain text", "just text", /^chain.yaml:1:1: document 1 is no object; expected/],
  [
    "a duplicate key",
    "linuxConfig:\n  routes: []\n  routes: []",
    "chain.yaml:3:3: not valid YAML: Map keys must be unique; keep one of the two",
  ],
  [
    "a tab",
    "linuxConfig:\n\troutes: []",
    "chain.yaml:2:1: not valid YAML: Tabs are not allowed as indentation; indent with spaces",
  ],
  [
    "an unknown tag",
    "linuxConfig: !evil {}",
    /^chain.yaml:1:14: not valid YAML: Unresolved tag: !evil; correct the YAML there$/,
  ],
  [
    "an alias bomb",
    `a: &a [x, x]\nb: &b [${"*a, ".repeat(9)}*a]\nc: &c [${"*b, ".repeat(9)}*b]\nd: [${"*c, ".repeat(9)}*c]`,
    /^chain.yaml:1:1: Excessive alias count .*; write the value out$/,
  ],
  ["an unresolved alias", "linuxConfig: *nowhere", /Unresolved alias .*nowhere; write the value out$/],
  [
    "endless nesting",
    "[".repeat(50_000),
    /^chain.yaml:1:\d+: not valid YAML: .*; nest at most 64 levels$|^chain.yaml: not YAML/,
  ],
  [
    "deep but legal nesting",
    `${"{a: ".repeat(70)}1${"}".repeat(70)}`,
    /^chain.yaml:1:\d+: nested deeper than 64 levels$/,
  ],
  [
    "a text of many megabytes",
    " ".repeat(5 * 1024 * 1024),
    "chain.yaml: longer than 4194304 characters; split it into several files",
  ],
];

for (const [what, text, expected] of table) {
  test(`${what} is refused with file, place, value and remedy`, () => {
    const message = refusal(text);
    if (typeof expected === "string") assert.equal(message, expected);
    else assert.match(message, expected);
  });
}

test("everything wrong in a file is told at once", () => {
  const lines = refusal("linuxConfig: {interfaces: [{nam: a}, {name: b, mtu: big}]}").split("\n");
  assert.equal(lines.length, 2);
});

test("whatever is fed in, reading ends with a declaration or INVALID_CONFIG", () => {
  const word = fc.constantFrom(
    "linuxConfig",
    "interfaces",
    "name",
    "data",
    "key",
    "value",
    "spec",
    "__proto__",
    "configItems",
    "pantheon.tech/v1",
    "CNFConfiguration",
    "kind",
    "apiVersion",
    "&a",
    "*a",
    "<<",
    "!!set",
    "- ",
    ": ",
    "{",
    "]",
    "\n",
    "\n  ",
    "\t",
    "'",
    '"',
    "|",
    "null",
    "1e999",
    "0x",
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: "binary" }),
        fc.array(word, { maxLength: 40 }).map((parts) => parts.join(" ")),
        fc.json(),
      ),
      (text) => {
        try {
          read(text);
        } catch (error) {
          assert.ok(isCodedError(error, "INVALID_CONFIG"), String(error));
        }
      },
    ),
    { numRuns: 500 },
  );
});

test("VPP values stand under the names that agentctl gives them", () => {
  const text = "vppConfig:\n  nat44Pools: [{ first_ip: 10.0.0.1 }]\n  nat44_global: { forwarding: true }\n";
  const { items } = readDeclaration(text, { name: "a.yaml", models: allModels, label: "a" });
  assert.deepEqual(
    items.map(({ key }) => key),
    ["config/vpp/nat/v2/nat44-pool/vrf/0/address/10.0.0.1", "config/vpp/nat/v2/nat44-global"],
  );
});
