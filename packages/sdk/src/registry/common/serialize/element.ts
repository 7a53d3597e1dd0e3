import { CodedError, KeyedQueue } from "@nsmkit/core";
import type { Element } from "../../../chain/index.ts";
import type { EntryRules, RegistryKind } from "../../core/kinds.ts";

/** One call per name at a time, in the order they came, for entries that keep no state below. A name is required. */
export function serialize<K extends RegistryKind>(rules: EntryRules<K>): Element<K> {
  const queue = new KeyedQueue<string>();
  return {
    name: "serialize",
    async request(ctx, entry, next) {
      if (entry.name === "") throw new CodedError("INVALID_ARGUMENT", `${rules.noun} without a name; set name`);
      return queue.run(entry.name, () => next.request(ctx, entry), { signal: ctx.signal });
    },
    async close(ctx, entry, next) {
      return queue.run(entry.name, () => next.close(ctx, entry));
    },
    async stop() {
      await queue.idle();
    },
  };
}
