import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { releases } from "./releases.ts";
import { compareReleases, parseRelease } from "./semver.ts";
import { planUpgrade } from "./upgrade.ts";

const way = (from: string, to: string): string[] => {
  const plan = planUpgrade(from, to);
  assert.ok(plan.ok);
  return plan.steps.map((step) => step.to);
};

test("an upgrade goes over the last patch of each minor between", () => {
  assert.deepEqual(way("v1.6.1", "v1.14.2"), [
    ...["v1.7.1", "v1.8.0", "v1.9.0", "v1.10.0", "v1.11.2", "v1.12.0", "v1.13.3", "v1.14.2"],
  ]);
});

test("within a minor it is one step", () => {
  assert.deepEqual(way("v1.14.0", "v1.14.5"), ["v1.14.5"]);
});

test("to the version that runs there are no steps", () => {
  assert.deepEqual(way("1.18.0", "v1.18.0"), []);
});

test("every plan is a chain of known releases, each a patch or one minor further", () => {
  const release = fc.constantFrom(...releases);
  fc.assert(
    fc.property(release, release, (a, b) => {
      const [from, to] = compareReleases(a, b) <= 0 ? [a, b] : [b, a];
      const plan = planUpgrade(from, to);
      assert.ok(plan.ok);
      let at: string = from;
      for (const step of plan.steps) {
        assert.equal(step.from, at);
        assert.ok(compareReleases(step.to, at) > 0);
        const minors = (parseRelease(step.to)?.minor ?? 0) - (parseRelease(at)?.minor ?? 0);
        assert.ok(minors === 0 || minors === 1, `${at} -> ${step.to}`);
        at = step.to;
      }
      assert.equal(at, to);
    }),
  );
});

test("a step over v1.7.0 renames the registry's variables and relaxes its policies", () => {
  const plan = planUpgrade("v1.6.2", "v1.7.1");
  assert.ok(plan.ok);
  assert.deepEqual(
    plan.steps.flatMap(({ migrations }) => migrations.map(({ kind }) => kind)),
    ["rename-variables", "relax-registry-policies", "relax-registry-policies"],
  );
});

test("a step over v1.12.0 deletes the configurations that older webhooks registered", () => {
  const plan = planUpgrade("v1.11.0", "v1.13.0");
  assert.ok(plan.ok);
  const at = plan.steps.find(({ migrations }) =>
    migrations.some(({ kind }) => kind === "delete-webhook-configurations"),
  );
  assert.equal(at?.to, "v1.12.0");
});

test("an unknown target says which versions there are and plans nothing", () => {
  const plan = planUpgrade("v1.13.0", "v1.13.7");
  assert.deepEqual(plan, {
    ok: false,
    reason: "UnsupportedVersion",
    message: "v1.13.7 is not a release that this operator knows; write v1.13.0 or v1.13.1 or v1.13.2 or v1.13.3",
  });
});

test("a step back is refused with a way out", () => {
  const plan = planUpgrade("v1.18.0", "v1.17.0");
  assert.ok(!plan.ok);
  assert.equal(plan.reason, "DowngradeNotSupported");
  assert.match(plan.message, /write v1\.18\.0 or a later release/);
});
