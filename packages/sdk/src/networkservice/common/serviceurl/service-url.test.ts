import assert from "node:assert/strict";
import { test } from "node:test";
import { isCodedError } from "@nsmkit/core";
import fc from "fast-check";
import { parseServiceUrl, parseServiceUrls } from "./service-url.ts";

test("scheme, host, path and query are mechanism, service, interface and labels", () => {
  assert.deepEqual(parseServiceUrl("kernel://icmp-responder/nsm-1?color=blue&app=ping"), {
    mechanism: "KERNEL",
    networkService: "icmp-responder",
    interfaceName: "nsm-1",
    labels: { color: "blue", app: "ping" },
  });
});

test("interface and labels may be missing", () => {
  assert.deepEqual(parseServiceUrl("memif://vpp"), {
    mechanism: "MEMIF",
    networkService: "vpp",
    interfaceName: undefined,
    labels: {},
  });
});

test("a service of another mesh has a domain, and names keep their case", () => {
  assert.equal(parseServiceUrl("kernel://Web@cluster2.example/nsm-1").networkService, "Web@cluster2.example");
});

test("a label that is given twice has both values", () => {
  assert.deepEqual(parseServiceUrl("kernel://a?x=1&y=2&x=3").labels, { x: "1,3", y: "2" });
});

test("escapes are undone", () => {
  assert.deepEqual(parseServiceUrl("kernel://a?greeting=hello%20world%2C+all").labels, {
    greeting: "hello world, all",
  });
});

for (const [text, message] of [
  ["", /no such URL/],
  ["web", /no such URL/],
  ["kernel://", /name of the network service/],
  ["kernel:///nsm-1", /name of the network service/],
  ["http://web/nsm-1", /unknown mechanism "http"/],
  ["vxlan://web", /unknown mechanism "vxlan"/],
  ["kernel://web/a/b", /only one path element/],
  ["kernel://web/an-interface-name", /longer than 15/],
  ["kernel://web/nsm 1", /white space/],
  ["kernel://web?=x", /a label has no name/],
  ["kernel://web?x=%zz", /broken % escape/],
  ["kernel://web#x", /no such URL/],
  ["kernel://a@b@c", /name of the network service/],
  ["kernel://web:80", /name of the network service/],
] as const)
  test(`${JSON.stringify(text)} is refused with a reason`, () => {
    assert.throws(() => parseServiceUrl(text), { code: "INVALID_ARGUMENT", message });
  });

test("a list is split at commas, with blanks around them", () => {
  const urls = parseServiceUrls("kernel://a/nsm-1, kernel://b/nsm-2?x=1%2C2,");
  assert.deepEqual(
    urls.map(({ networkService }) => networkService),
    ["a", "b"],
  );
  assert.deepEqual(urls[1]?.labels, { x: "1,2" });
});

test("whatever text comes, it is a service URL or a coded error", () => {
  const text = fc.oneof(
    fc.string(),
    fc.string().map((rest) => `kernel://${rest}`),
    fc.webUrl(),
  );
  fc.assert(
    fc.property(text, (each) => {
      try {
        assert.notEqual(parseServiceUrl(each).networkService, "");
      } catch (error) {
        if (!isCodedError(error, "INVALID_ARGUMENT")) throw error;
      }
    }),
  );
});
