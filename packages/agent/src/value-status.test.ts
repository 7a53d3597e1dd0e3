import assert from "node:assert/strict";
import { test } from "node:test";
import { overallStatus } from "./value-status.ts";

test("a value in place whose address waits is PENDING on what the address waits for", () => {
  const status = overallStatus({
    value: { key: "config/if/eth0", state: "CONFIGURED", last_operation: "CREATE" },
    derived_values: [
      { key: "linux/interface/eth0/address/10.0.0.1", state: "PENDING", details: ["vrf"] },
      { key: "linux/interface/eth0/address/10.0.0.2", state: "CONFIGURED" },
    ],
  });
  assert.deepEqual(status, { key: "config/if/eth0", state: "PENDING", last_operation: "CREATE", details: ["vrf"] });
});

test("the worst trouble counts, and its error names the derived value", () => {
  const status = overallStatus({
    value: { key: "k", state: "CONFIGURED" },
    derived_values: [
      { key: "a", state: "PENDING" },
      { key: "b", state: "RETRYING", error: "no such device" },
    ],
  });
  assert.deepEqual(status, { key: "k", state: "RETRYING", error: "b: no such device", details: ["b"] });
});

test("a value that is not in place speaks for itself, and one without troubles is what it is", () => {
  const failed = { key: "k", state: "FAILED", error: "why" } as const;
  assert.equal(overallStatus({ value: failed, derived_values: [{ key: "d", state: "PENDING" }] }), failed);
  const fine = { key: "k", state: "CONFIGURED" } as const;
  assert.equal(overallStatus({ value: fine, derived_values: [{ key: "d", state: "OBTAINED" }] }), fine);
});
