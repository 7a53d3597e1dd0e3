import type { Item } from "../item.ts";
import type { Problems } from "../problems.ts";

/** Adds a problem for each item whose key another one before it has. */
export function findTwins<I extends Item>(
  items: readonly I[],
  problems: Problems,
  keyOf: (item: I) => string = (item) => item.key,
): void {
  const seen = new Map<string, I>();
  for (const item of items) {
    const key = keyOf(item);
    const twin = seen.get(key);
    if (twin) problems.add(item.place, `${item.model.name} ${key} is declared twice, also at ${twin.place}; keep one`);
    else seen.set(key, item);
  }
}
