import assert from "node:assert/strict";
import { test } from "node:test";
import { ValueError } from "@nsmkit/core/config";
import fc from "fast-check";
import { parseServices } from "./services.ts";

test("a service without a scheme gets the default mechanism", () => {
  const [written, bare] = parseServices(["memif://vpp/a", "web/b?x=1"], "kernel");
  assert.deepEqual([written?.mechanism, bare?.mechanism, bare?.interfaceName], ["MEMIF", "KERNEL", "b"]);
});

test("two services may not claim one interface, but may both leave the name open", () => {
  assert.throws(() => parseServices(["web/nsm-1", "db/nsm-1"], "kernel"), /"nsm-1" is wanted for both "web" and "db"/);
  assert.equal(parseServices(["web", "db"], "kernel").length, 2);
});

test("an empty list is refused", () => assert.throws(() => parseServices([], "kernel"), ValueError));

test("no text makes it throw anything but a ValueError", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string(), fc.webUrl()), { maxLength: 3 }), (urls) => {
      try {
        parseServices(urls, "kernel");
      } catch (error) {
        assert.ok(error instanceof ValueError, String(error));
      }
    }),
  );
});
