import assert from "node:assert/strict";
import { registerHooks } from "node:module";
import { test } from "node:test";

test("an agent without VPP loads no message of VPP", async () => {
  const loaded: string[] = [];
  const hooks = registerHooks({
    load(url, context, next) {
      loaded.push(url);
      return next(url, context);
    },
  });
  try {
    await import("./index.ts");
    assert.ok(loaded.some((url) => url.includes("/gen/ligato/linux/")));
    assert.deepEqual(
      loaded.filter((url) => url.includes("/gen/ligato/vpp/")),
      [],
    );
  } finally {
    hooks.deregister();
  }
});
