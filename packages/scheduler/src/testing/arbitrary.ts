import fc from "fast-check";
import type { TestValue } from "./descriptor.ts";

// Keys in an order such that a value only ever names earlier ones: any graph made of them is free of circles.
// b/ cannot be read back, d/ and p/ are derived (p/ without calls), s/ comes from the southbound.
export const bases = ["a/0", "b/0", "a/1", "b/1", "a/2", "b/2", "a/3", "b/3"];
export const derivedOf = (base: string): string[] => [`d/${base}/x`, `d/${base}/y`, `p/${base}`];
export const notified = ["s/0", "s/1"];

const bare = fc.record({ content: fc.constantFrom("1", "2"), mold: fc.constantFrom("m", "n") });

function valueAt(index: number): fc.Arbitrary<TestValue> {
  const earlier = bases.slice(0, index);
  const nameable = [...notified, ...earlier, ...earlier.flatMap(derivedOf)];
  const inner = fc.record({
    content: fc.constantFrom("1", "2"),
    needs: fc.subarray(nameable, { maxLength: Math.min(2, nameable.length) }),
  });
  return fc
    .record({
      plain: bare,
      needs: fc.subarray(nameable, { maxLength: Math.min(3, nameable.length) }),
      // Below d/a/0/ and s/ there is nothing that could depend on a later key.
      anyOf: index > 0 ? fc.subarray(["d/a/0/", "s/"], { maxLength: 1 }) : fc.constant([]),
      derives: fc.array(fc.tuple(fc.constantFrom(...derivedOf(bases[index] ?? "")), inner), { maxLength: 3 }),
    })
    .map(({ plain, needs, anyOf, derives }) => ({
      ...plain,
      needs,
      anyOf,
      // A property has no descriptor to say what it depends on.
      derives: Object.fromEntries(derives.map(([key, value]) => [key, key.startsWith("p/") ? {} : value])),
    }));
}

export const change = fc
  .integer({ min: 0, max: bases.length - 1 })
  .chain((i) => fc.tuple(fc.constant(bases[i] ?? ""), fc.option(valueAt(i), { freq: 3 })));
