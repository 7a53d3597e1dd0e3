import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { releases } from "./releases.ts";
import { compareReleases, parseRelease } from "./semver.ts";

test("v1.10.0 is newer than v1.7.0", () => {
  assert.ok(compareReleases("v1.10.0", "v1.7.0") > 0);
});

test("a pre-release comes before its release, and pre-releases by their parts (semver 2.0.0, 11)", () => {
  const order = [
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
  ];
  assert.deepEqual(order.toReversed().sort(compareReleases), order);
});

test("the v is optional and build metadata does not count", () => {
  assert.equal(compareReleases("1.8.0+build.7", "v1.8.0"), 0);
});

test("text that is no release is told apart", () => {
  for (const text of ["", "v1", "v1.2", "master", "v1.2.3.4", "v-1.2.3"])
    assert.equal(parseRelease(text), undefined, text);
  assert.throws(() => compareReleases("master", "v1.0.0"), RangeError);
});

test("the table of releases is in order", () => {
  assert.deepEqual([...releases].sort(compareReleases), [...releases]);
});

test("any two releases compare in opposite ways from both sides", () => {
  const part = fc.integer({ min: 0, max: 30 });
  const release = fc
    .tuple(part, part, part, fc.constantFrom("", "-rc.1", "-rc.10", "-alpha"))
    .map(([major, minor, patch, pre]) => `v${major}.${minor}.${patch}${pre}`);
  fc.assert(
    fc.property(release, release, (a, b) => Math.sign(compareReleases(a, b)) === -Math.sign(compareReleases(b, a))),
  );
});
