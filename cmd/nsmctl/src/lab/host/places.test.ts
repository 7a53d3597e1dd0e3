import assert from "node:assert/strict";
import { test } from "node:test";
import { labsRoot } from "./places.ts";

test("root's labs are below /run, a user's below what XDG or HOME say, and one variable overrides all", () => {
  const env = { HOME: "/home/u", XDG_STATE_HOME: "/home/u/state", XDG_RUNTIME_DIR: "/run/user/7" };
  assert.equal(labsRoot(env, 0), "/run/nsmkit/labs");
  assert.equal(labsRoot(env, 7), "/run/user/7/nsmkit/labs");
  assert.equal(labsRoot({ ...env, XDG_RUNTIME_DIR: undefined }, 7), "/home/u/state/nsmkit/labs");
  assert.equal(labsRoot({ HOME: "/home/u" }, 7), "/home/u/.local/state/nsmkit/labs");
  assert.equal(labsRoot({ ...env, NSMKIT_STATE_DIR: "/x" }, 0), "/x");
});

test("a user without any such folder is told which variable to set", () =>
  assert.throws(() => labsRoot({}, 7), /set NSMKIT_STATE_DIR/));
