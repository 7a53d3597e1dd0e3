import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { canonicalQuantity } from "./quantity.ts";

const spellings: readonly [string, string][] = [
  ["0.5", "500m"],
  ["1000m", "1"],
  ["100m", "100m"],
  ["1024Mi", "1Gi"],
  ["1536Mi", "1536Mi"],
  ["1.5Gi", "1536Mi"],
  ["1000Mi", "1000Mi"],
  ["0.5Ki", "512"],
  ["1000k", "1M"],
  ["2", "2"],
  ["0", "0"],
  ["1.", "1"],
];

for (const [written, canonical] of spellings) {
  test(`${written} is written ${canonical}`, () => {
    assert.equal(canonicalQuantity(written), canonical);
  });
}

test("units that do not exist are no quantities", () => {
  for (const text of ["100MB", "1 Gi", "", "-1", "1e3", "0.0000000001", "1K", "m"]) {
    assert.equal(canonicalQuantity(text), undefined, text);
  }
});

test("a canonical spelling stays as it is", () => {
  const suffix = fc.constantFrom("n", "u", "m", "", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti");
  fc.assert(
    fc.property(fc.nat({ max: 100_000 }), fc.nat({ max: 999 }), suffix, (whole, fraction, unit) => {
      const canonical = canonicalQuantity(`${whole}.${fraction}${unit}`);
      assert.ok(canonical !== undefined);
      assert.equal(canonicalQuantity(canonical), canonical);
    }),
  );
});
