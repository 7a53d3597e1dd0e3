import assert from "node:assert/strict";
import { test } from "node:test";
import { CodedError, isCodedError } from "@nsmkit/core";
import fc from "fast-check";
import { readMetrics } from "../view/prometheus.ts";
import { readLines } from "./import.ts";
import { wholeKey, wholePrefix } from "./keys.ts";

const label = (): string => "nat";
const arp = '{"interface":"lan","ipAddress":"10.0.0.9","hw_address":"02:00:00:00:00:09"}';
const arpKey = "/vnf-agent/nat/config/linux/l3/v2/arp/lan/10.0.0.9";

test("lines have whole or short keys; empty ones and comments are left out", () => {
  const lines = readLines(`# two\n\nconfig/linux/l3/v2/arp/lan/10.0.0.9 ${arp}\n/vnf-agent/x/y  {"a":1}\n`, "f", label);
  assert.deepEqual(
    lines.map(({ key, place }) => [key, place]),
    [
      [arpKey, "f:3"],
      ["/vnf-agent/x/y", "f:4"],
    ],
  );
});

test("a value of a known model is written as the store has it", () => {
  const [line] = readLines(`${arpKey} ${arp}`, "f", label);
  assert.equal(line?.checked?.text, '{"interface":"lan","ip_address":"10.0.0.9","hw_address":"02:00:00:00:00:09"}');
});

test("a key may hold spaces before its value", () => {
  const [line] = readLines('/vnf-agent/nat/config/linux/interfaces/v2/interface/a b {"name":"a b"}', "f", label);
  assert.equal(line?.key, "/vnf-agent/nat/config/linux/interfaces/v2/interface/a b");
});

test("everything that is wrong is told at once, with its line", () => {
  const text = [
    `${arpKey} ${arp}`,
    `${arpKey} ${arp}`,
    "/vnf-agent/nat/config/linux/l3/v2/arp/lan/10.0.0.8 {}",
    "/vnf-agent/nat/config/linux/l3/v2/arp/lan/10.0.0.7 {",
    "word",
  ].join("\n");
  assert.throws(
    () => readLines(text, "f", label),
    (error) =>
      isCodedError(error, "INVALID_CONFIG") &&
      /^f:2: .* is also at f:1; keep one\nf:3: .*\nf:4: .*no JSON.*\nf:5: "word" has no value/.test(error.message),
  );
});

test("short keys without a label are the caller's mistake, not the file's", () => {
  const nobody = (): string => {
    throw new CodedError("INVALID_ARGUMENT", "give --service-label");
  };
  assert.throws(() => readLines(`config/x ${arp}`, "f", nobody), { code: "INVALID_ARGUMENT" });
});

test("keys and prefixes become whole as agentctl makes them", () => {
  assert.equal(wholeKey("config/x", label), "/vnf-agent/nat/config/x");
  assert.equal(wholeKey("/vnf-agent/a/b", label), "/vnf-agent/a/b");
  assert.throws(() => wholeKey("/etc/x", label), { code: "INVALID_ARGUMENT" });
  assert.equal(wholePrefix(""), "/vnf-agent/");
  assert.equal(wholePrefix("nat/config"), "/vnf-agent/nat/config");
});

test("whatever the file, reading gives lines or INVALID_CONFIG", () => {
  const part = fc.constantFrom(
    arpKey,
    "config/",
    " ",
    "{",
    "}",
    "\n",
    "#",
    '"',
    "/",
    "null",
    "[1]",
    "\0",
    "ü",
    "__proto__",
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(part).map((parts) => parts.join("")),
      ),
      (text) => {
        try {
          for (const { key } of readLines(text, "f", label)) assert.match(key, /^\/vnf-agent\//);
        } catch (error) {
          assert.ok(isCodedError(error, "INVALID_CONFIG") || isCodedError(error, "INVALID_ARGUMENT"), String(error));
        }
      },
    ),
    { numRuns: 500 },
  );
});

test("figures are read with their families, and other lines are left out", () => {
  const text =
    '# HELP a_seconds Time.\n# TYPE a_seconds histogram\na_seconds_bucket{le="1"} 2\na_seconds_sum 3\nb 4 1395066363000\nnonsense\n';
  assert.deepEqual(readMetrics(text), [
    {
      name: "a_seconds",
      type: "histogram",
      help: "Time.",
      samples: [
        { name: "a_seconds_bucket", labels: 'le="1"', value: "2" },
        { name: "a_seconds_sum", labels: "", value: "3" },
      ],
    },
    { name: "b", type: "untyped", help: "", samples: [{ name: "b", labels: "", value: "4" }] },
  ]);
});
