import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseSpiffeId, spiffeIdOf } from "./spiffeid.ts";

test("an id splits into trust domain and path", () => {
  assert.deepEqual(parseSpiffeId("spiffe://example.org/ns/nsm/sa/nsmgr"), {
    trustDomain: "example.org",
    path: "/ns/nsm/sa/nsmgr",
  });
  assert.deepEqual(parseSpiffeId("spiffe://td"), { trustDomain: "td", path: "" });
});

for (const text of [
  "",
  "http://td/x",
  "spiffe:///x",
  "spiffe://TD/x",
  "spiffe://td/",
  "spiffe://td//x",
  "spiffe://td/x/",
  "spiffe://td/./x",
  "spiffe://td/../x",
  "spiffe://td:1/x",
  "spiffe://u@td/x",
  "spiffe://td/x?y",
  "spiffe://td/x#y",
  "spiffe://td/%41",
  `spiffe://td/${"x".repeat(2048)}`,
]) {
  test(`${JSON.stringify(text.slice(0, 40))} is no SPIFFE id`, () => {
    assert.throws(() => parseSpiffeId(text), { code: "INVALID_ARGUMENT" });
  });
}

test("the one URI of a certificate is its id, whatever other names it has", () => {
  assert.equal(spiffeIdOf("DNS:a.b, URI:spiffe://td/x, IP Address:10.0.0.1"), "spiffe://td/x");
});

test("a URI inside another name's quotes is not an id", () => {
  assert.throws(() => spiffeIdOf('DNS:"a, URI:spiffe://td/x"'), { code: "UNAUTHENTICATED" });
});

test("none or two URIs are refused", () => {
  assert.throws(() => spiffeIdOf(undefined), { code: "UNAUTHENTICATED" });
  assert.throws(() => spiffeIdOf("URI:spiffe://td/x, URI:spiffe://td/y"), { code: "UNAUTHENTICATED" });
});

test("hostile text throws one of the two codes or yields an id that parses", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string().map((text) => `URI:spiffe://${text}`),
      ),
      (text) => {
        try {
          parseSpiffeId(spiffeIdOf(text));
          return true;
        } catch (error) {
          return error instanceof Error && "code" in error && error.code === "UNAUTHENTICATED";
        }
      },
    ),
  );
});
