import assert from "node:assert/strict";
import { test } from "node:test";
import { isCodedError } from "@nsmkit/core";
import fc from "fast-check";
import { formatTarget, parseTarget } from "./target.ts";

for (const [url, target] of [
  ["unix:///run/nsm.sock", { transport: "unix", path: "/run/nsm.sock" }],
  ["unix:/run/nsm.sock", { transport: "unix", path: "/run/nsm.sock" }],
  ["unix:nsm.sock", { transport: "unix", path: "nsm.sock" }],
  ["unix://@name", { transport: "unix", path: "\0name" }],
  ["unix:///with%20space", { transport: "unix", path: "/with space" }],
  ["unix:///proc/12/fd/34", { transport: "unix", path: "/proc/12/fd/34" }],
  ["tcp://10.0.0.1:5001", { transport: "tcp", host: "10.0.0.1", port: 5001 }],
  ["tcp://:5001", { transport: "tcp", host: "", port: 5001 }],
  ["tcp://[::1]:5001", { transport: "tcp", host: "::1", port: 5001 }],
  ["tcp://[fe80::1%eth0]:5001", { transport: "tcp", host: "fe80::1%eth0", port: 5001 }],
  ["tcp:registry:5002", { transport: "tcp", host: "registry", port: 5002 }],
  ["registry.nsm-system:5002", { transport: "tcp", host: "registry.nsm-system", port: 5002 }],
] as const) {
  test(`${url} leads to ${JSON.stringify(target)}`, () => assert.deepEqual(parseTarget(url), target));
}

for (const [url, why] of [
  ["", /host:port/],
  ["unix://", /names no socket/],
  ["unix:///", /names no socket/],
  ["unix://relative", /starts with \//],
  ["unix:///a%zz", /percent/],
  ["unix:///a%00b", /NUL/],
  [`unix:///${"x".repeat(107)}`, /109 bytes.*108/],
  ["tcp://host", /host:port/],
  ["tcp://host:70000", /65535/],
  ["tcp://host:-1", /host:port/],
  ["tcp://::1:5001", /host:port/],
  ["tcp://user@host:1", /host:port/],
  ["http://host:80", /scheme http/],
] as const) {
  test(`${JSON.stringify(url.slice(0, 30))} is refused: ${why.source}`, () => {
    assert.throws(() => parseTarget(url), { code: "INVALID_ARGUMENT", message: why });
  });
}

test("what parses is formatted to a URL that parses to the same", () => {
  const text = fc.oneof(fc.string(), fc.webUrl(), fc.stringMatching(/^(unix|tcp):\/{0,3}[@/]?[a-z0-9:[\]%.]{0,30}$/));
  fc.assert(
    fc.property(text, (url) => {
      let target: ReturnType<typeof parseTarget>;
      try {
        target = parseTarget(url);
      } catch (error) {
        assert.ok(isCodedError(error, "INVALID_ARGUMENT"));
        return;
      }
      assert.deepEqual(parseTarget(formatTarget(target)), target);
    }),
    { numRuns: 500 },
  );
});
