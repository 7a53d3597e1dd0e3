import assert from "node:assert/strict";
import { test } from "node:test";
import { isCodedError } from "@nsmkit/core";
import fc from "fast-check";
import { sysctlPath } from "./sysctl.ts";

test("dots or slashes separate, whichever comes first", () => {
  assert.equal(sysctlPath("net.ipv4.ip_forward"), "net/ipv4/ip_forward");
  assert.equal(sysctlPath("net/ipv4/conf/eth0.10/forwarding"), "net/ipv4/conf/eth0.10/forwarding");
  assert.equal(sysctlPath("net.ipv4.conf.eth0/10.forwarding"), "net/ipv4/conf/eth0.10/forwarding");
});

test("names that leave net, or try to, are refused", () => {
  for (const bad of [
    "kernel.hostname",
    "net",
    "net/../kernel/hostname",
    "net./.kernel",
    "net.//.kernel",
    "/net/ipv4/x",
    "net..ipv4",
    "net/ipv4/",
    "net.ipv4.a b",
    "net.ipv4.a\0",
    "",
    "net.ipv4.conf.//..",
  ])
    assert.throws(() => sysctlPath(bad), { code: "INVALID_ARGUMENT" }, bad);
});

test("whatever is accepted has no part that climbs", () => {
  const nasty = fc
    .array(fc.constantFrom("net", ".", "/", "..", "a", "ipv4", " "), { maxLength: 8 })
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(
      fc.oneof(
        nasty,
        nasty.map((text) => `net.${text}`),
      ),
      (name) => {
        let path: string;
        try {
          path = sysctlPath(name);
        } catch (error) {
          assert.ok(isCodedError(error, "INVALID_ARGUMENT"));
          return;
        }
        assert.match(path, /^net\//);
        for (const part of path.split("/")) assert.ok(part !== "" && part !== "." && part !== "..", path);
      },
    ),
    { numRuns: 1000 },
  );
});
