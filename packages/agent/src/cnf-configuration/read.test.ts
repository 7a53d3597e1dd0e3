import assert from "node:assert/strict";
import { test } from "node:test";
import { allModels } from "@nsmkit/api/model/vpp";
import fc from "fast-check";
import { readYaml } from "../northbound/files/yaml.ts";
import { Problems } from "../northbound/problems.ts";
import { type ConfiguredItem, isCnfConfiguration, readConfiguration } from "./read.ts";
import { storedKey, storedValue } from "./stored.ts";

function read(text: string): { items: ConfiguredItem[]; problems: string[] } {
  const problems = new Problems();
  const items = readYaml(text, { name: "a.yaml" }).flatMap((document) =>
    isCnfConfiguration(document.value)
      ? readConfiguration(document.value, {
          name: "a.yaml",
          models: allModels,
          textOnly: true,
          problems,
          ignored: [],
          at: document.positionOf,
          blockAt: document.blockAt,
        })
      : [],
  );
  return { items, problems: problems.list.map(({ place, text: what }) => `${place}: ${what}`) };
}

/** Items begin in line 7, their fields in column 5. */
const document = (items: string): string =>
  `apiVersion: pantheon.tech/v1\nkind: CNFConfiguration\nmetadata: { name: nat }\nspec:\n  microservice: nat\n  configItems:\n${items}`;

test("without a label, items of every agent are read, with keys and values as stores have them", () => {
  const { items, problems } = read(
    document(`  - module: vpp
    type: interfaces
    data: |
      name: m # comment
      type: MEMIF
      enabled: false
  - microservice: other
    module: vpp.nat
    version: ""
    type: nat44-global
    name: not used
    data: |
      # all defaults`),
  );
  assert.deepEqual(problems, []);
  assert.deepEqual(
    items.map((item) => [storedKey(item), storedValue(item)]),
    [
      ["/vnf-agent/nat/config/vpp/v2/interfaces/m", '{"name":"m","type":"MEMIF"}'],
      ["/vnf-agent/other/config/vpp/nat/v2/nat44-global", "{}"],
    ],
  );
});

test("every problem is told with the line, item and field where it was written, also inside blocks", () => {
  const { items, problems } = read(
    document(`  - module: vpp.nat
    version: v3
    type: nat44-pool
    data: ""
  - module: vpp.nat
    type: nat44-pol
    data: ""
  - module: vppp
    type: x
    data: ""
  - module: vpp.acls
    type: acl
    data: |

        name: web
        rules:
          - action: PERMITT
            ip_rule:
              tcp: { flags: 1 }
  - module: vpp
    type: interfaces
    data: |-
      name: [
  - module: govppmux
    type: stats
    data: ""
  - module: vpp
    type: arp
    data: { interface: a }
  - module: vpp
    type: interfaces
    data: "type: TAP"
  - module: vpp
    type: interfaces
    microservice: a/b
    data: "name: x"
  - module: vpp
    type: interfaces
`),
  );
  assert.deepEqual(items, []);
  const modules =
    "cnf.nsm, linux.interfaces, linux.l3, linux.iptables, netalloc, vpp, vpp.stn, vpp.wg, vpp.l2, vpp.nat, vpp.ipsec, vpp.srv6, vpp.acls, vpp.abfs, vpp.ipfix, vpp.dns";
  assert.deepEqual(problems, [
    'a.yaml:8:14: CNFConfiguration default/nat item 1: version is "v3", vpp.nat nat44-pool has v2; write that or leave it out',
    "a.yaml:11:13: CNFConfiguration default/nat item 2: the model vpp.nat nat44-pol is unknown; vpp.nat has the types nat44-global, nat44-interface, nat44-pool, dnat44, nat44-vrf, nat44-vrf-route; did you mean nat44-pool?",
    `a.yaml:14:13: CNFConfiguration default/nat item 3: the model vppp x is unknown; the modules are ${modules}; did you mean vpp?`,
    'a.yaml:23:21: CNFConfiguration default/nat item 4: vpp.acls acl "web": field "rules[0].action" is "PERMITT", must be one of DENY, PERMIT, REFLECT; did you mean PERMIT?',
    'a.yaml:25:29: CNFConfiguration default/nat item 4: vpp.acls acl "web": field "rules[0].ip_rule.tcp.flags" is unknown; the fields are destination_port_range, source_port_range, tcp_flags_mask, tcp_flags_value',
    "a.yaml:29:14: CNFConfiguration default/nat item 5: data: not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]; align the lines of one block",
    `a.yaml:30:13: CNFConfiguration default/nat item 6: the model govppmux stats is unknown; the modules are ${modules}`,
    'a.yaml:35:11: CNFConfiguration default/nat item 7: data is no text; write "data: |" before the value',
    'a.yaml:38:11: CNFConfiguration default/nat item 8: vpp interfaces: no "name"; give every interfaces its own',
    'a.yaml:39:5: CNFConfiguration default/nat item 9: microservice is "a/b", which cannot be part of a key; use a word without slashes and spaces',
    'a.yaml:43:5: CNFConfiguration default/nat item 10: data is missing; write "data: |" and the value below it',
  ]);
});

test("positions in a folded text are those of the text", () => {
  const { problems } = read(
    document("  - module: vpp\n    type: arp\n    data: >\n      { interface: a,\n\n      x: 1 }\n"),
  );
  assert.equal(problems.length, 1);
  assert.match(problems[0] ?? "", /^a\.yaml:9:11: .* field "x" is unknown/);
});

test("several documents in one data are refused, in a block and in a quoted text", () => {
  const { problems } = read(
    document(
      '  - module: vpp\n    type: arp\n    data: |\n      a: 1\n      ---\n      b: 1\n  - module: vpp\n    type: arp\n    data: "a: 1\\n---\\nb: 1"\n',
    ),
  );
  assert.deepEqual(problems, [
    "a.yaml:12:7: CNFConfiguration default/nat item 1: data holds several documents; write one item for each",
    "a.yaml:15:11: CNFConfiguration default/nat item 2: data holds several documents; write one item for each",
  ]);
});

test("no item text makes reading fail other than by a problem with a place", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("|", "|-", ">", "|2"),
      fc.array(fc.constantFrom("name: a", "  x: 1", "- b", "[", "", "\t", "name: {a: [", "&a *a", "# c", "'", "---")),
      (header, lines) => {
        const block = lines.map((line) => `      ${line}`).join("\n");
        let problems: string[];
        try {
          ({ problems } = read(document(`  - module: vpp\n    type: interfaces\n    data: ${header}\n${block}\n`)));
        } catch (error) {
          // The outer document itself may be broken.
          assert.match(String(error), /a\.yaml:\d+:\d+: /);
          return;
        }
        for (const problem of problems) assert.match(problem, /^a\.yaml:\d+:\d+: CNFConfiguration default\/nat item 1/);
      },
    ),
  );
});
