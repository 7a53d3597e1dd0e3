import assert from "node:assert/strict";
import { registerHooks } from "node:module";
import { test } from "node:test";

test("the models of an agent without VPP load no message of VPP", async () => {
  const loaded: string[] = [];
  const hooks = registerHooks({
    load(url, context, next) {
      loaded.push(url);
      return next(url, context);
    },
  });
  try {
    await import("@nsmkit/api/model");
    assert.ok(loaded.some((url) => url.includes("/gen/ligato/linux/")));
    assert.deepEqual(
      loaded.filter((url) => url.includes("/vpp")),
      [],
    );
    await import("@nsmkit/api/model/vpp");
    assert.ok(loaded.some((url) => url.includes("/gen/ligato/vpp/")));
  } finally {
    hooks.deregister();
  }
});
