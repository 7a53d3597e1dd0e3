import assert from "node:assert/strict";
import { test } from "node:test";
import { linuxRuleChainModel, parseValue } from "@nsmkit/api/model";
import { isCodedError } from "@nsmkit/core";
import { checkRuleChain } from "./chain.ts";

function refusal(value: object): string {
  try {
    checkRuleChain(parseValue(linuxRuleChainModel, { name: "a", ...value }));
  } catch (error) {
    assert.ok(isCodedError(error, "INVALID_CONFIG"), String(error));
    return error.message.replace(/^linux.iptables rulechain "a": /, "");
  }
  return assert.fail("was accepted");
}

const table: [what: string, value: object, message: string][] = [
  [
    "a custom chain without name",
    {},
    'field "chain_name" is empty; name the chain, or choose a built-in one by chain_type',
  ],
  [
    "a chain that the table does not have",
    { table: "NAT", chain_type: "FORWARD" },
    'field "chain_type" is FORWARD, table NAT has PREROUTING, OUTPUT, POSTROUTING and CUSTOM',
  ],
  [
    "POSTROUTING in FILTER",
    { chain_type: "POSTROUTING" },
    'field "chain_type" is POSTROUTING, table FILTER has INPUT, OUTPUT, FORWARD and CUSTOM',
  ],
  [
    "a policy outside FILTER",
    { table: "NAT", chain_type: "OUTPUT", default_policy: "DROP" },
    'field "default_policy" is DROP, only built-in chains of table FILTER have a policy; leave it out',
  ],
  [
    "a policy of a custom chain",
    { chain_name: "X", default_policy: "DROP" },
    'field "default_policy" is DROP, only built-in chains of table FILTER have a policy; leave it out',
  ],
  [
    "a policy that the kernel does not take",
    { chain_type: "INPUT", default_policy: "RETURN" },
    'field "default_policy" is RETURN, the kernel takes ACCEPT or DROP; write a last rule with -j RETURN instead',
  ],
  [
    "a chain name that iptables cannot have",
    { chain_name: "-X" },
    'field "chain_name" is "-X", must be letters, digits, "_", "." or "-", not beginning with "-"',
  ],
  [
    "a chain name that is too long",
    { chain_name: "x".repeat(29) },
    `field "chain_name" is "${"x".repeat(29)}" (29 characters), iptables allows 28`,
  ],
  ["an empty rule", { chain_type: "INPUT", rules: ["-j DROP", " "] }, 'field "rules[1]" is empty; leave it out'],
  [
    "two rules in one",
    { chain_type: "INPUT", rules: ["-j DROP\nCOMMIT\n*nat"] },
    'field "rules[0]" is "-j DROP\\nCOMMIT\\n*nat", with a control character; write one rule per list entry',
  ],
  [
    "a rule that names a chain",
    { chain_type: "INPUT", rules: ["-A OUTPUT -j DROP"] },
    'field "rules[0]" is "-A OUTPUT -j DROP"; leave out -A: table and chain are fields, a rule holds only matches and target',
  ],
  [
    "a rule with an open quote",
    { chain_type: "INPUT", rules: ['-m comment --comment "x -j DROP'] },
    'field "rules[0]" is "-m comment --comment \\"x -j DROP", with a quote that is not closed',
  ],
  [
    "a rule that is a word",
    { chain_type: "INPUT", rules: ["DROP"] },
    'field "rules[0]" is "DROP", must begin with an option such as -o tap0',
  ],
];

for (const [what, value, message] of table) {
  test(`${what} is refused with field, value and remedy`, () => {
    assert.equal(refusal(value), message);
  });
}

test("what Ligato's examples declare is accepted", () => {
  checkRuleChain(
    parseValue(linuxRuleChainModel, {
      name: "nat",
      table: "NAT",
      chainType: "POSTROUTING",
      rules: [
        "-o tap0 -j MASQUERADE",
        '! -s 10.0.0.0/8 -m comment --comment "-A is a word here" -j SNAT --to-source 10.1.1.1',
      ],
    }),
  );
});
