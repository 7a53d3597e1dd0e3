import { equals, type Message } from "@bufbuild/protobuf";
import { isCodedError, messageOf } from "@nsmkit/core";
import type { Item } from "../item.ts";
import type { ItemProblem } from "../problems.ts";
import type { Change } from "../store.ts";
import { type DecodeContext, decodeItem } from "./decode.ts";
import type { Pending } from "./pending.ts";

/** A value that is not in force, and why. */
export interface Refusal {
  readonly error: string;
  /** It could be read, but does not go with what else is wanted: it is tried again with every change. */
  readonly item?: Item;
}

/** Source of everything in the store, by the original's name: it sorts after files and before "grpc". */
export const etcdSource = "datasync";

/**
 * What arrived, on its way to a change of the northbound store. A value that is wrong is left out: what its key had
 * before stays, and everything else of the same revision is applied. The alternative, to refuse the revision, would let
 * one bad key hold up all that is written with it, and what is written next may build upon those.
 */
export class Batch {
  readonly put = new Map<string, Item>();
  readonly delete = new Set<string>();
  readonly refused: Map<string, Refusal>;

  constructor(
    pending: Pending,
    before: { readonly items: ReadonlyMap<string, Item>; readonly refused: ReadonlyMap<string, Refusal> },
    context: DecodeContext,
  ) {
    this.refused = new Map(before.refused);
    for (const [key, kv] of pending.entries) {
      const earlier = this.refused.get(key);
      this.refused.delete(key);
      if (!kv) {
        this.delete.add(key);
        continue;
      }
      try {
        const item = decodeItem(kv, context);
        const known = before.items.get(key);
        // A snapshot repeats what is known; a put of the same value says that it should be tried again.
        if (!pending.snapshot || earlier || !known || !same(known, item)) this.put.set(key, item);
      } catch (error) {
        this.refused.set(key, { error: messageOf(error) });
      }
    }
    if (pending.snapshot) this.#forgetOthers(pending, before.items);
    for (const [key, { item }] of this.refused) if (item) this.put.set(key, item);
  }

  #forgetOthers(pending: Pending, items: ReadonlyMap<string, Item>): void {
    for (const key of items.keys()) if (!pending.entries.has(key)) this.delete.add(key);
    for (const key of this.refused.keys()) if (!pending.entries.has(key)) this.refused.delete(key);
  }

  get change(): Change {
    return { source: etcdSource, put: [...this.put.values()], delete: [...this.delete] };
  }

  /**
   * Leaves out what is objected to, until nothing is. An error that is no objection, a fault of whoever looks at a
   * value, counts as one against that value.
   * @param take of the whole; throws INVALID_CONFIG with `details.problems`, and has done nothing then
   * @param check of any part, if `take` does more than look
   * @throws CLOSED
   */
  settle(take: (change: Change) => void, check: (change: Change) => void = take): void {
    for (const key of this.put.keys()) this.refused.delete(key);
    for (;;) {
      try {
        take(this.change);
        return;
      } catch (error) {
        if (isCodedError(error, "CLOSED")) throw error;
        const before = this.put.size;
        if (isCodedError(error, "INVALID_CONFIG")) this.#leaveOut(error.details.problems);
        if (this.put.size === before) this.#checkEach(check, () => []);
        if (this.put.size === before) this.#checkEach(check, (accepted) => accepted);
        if (this.put.size === before) throw error;
      }
    }
  }

  #leaveOut(problems: unknown): void {
    const texts = new Map<string, string>();
    for (const { place, text } of Array.isArray(problems) ? (problems as ItemProblem[]) : [])
      texts.set(place, texts.has(place) ? `${texts.get(place)}; ${text}` : text);
    for (const item of [...this.put.values()]) {
      const text = texts.get(item.place);
      if (text !== undefined) this.#refuse(item, text);
    }
  }

  /**
   * For an objection that names none of our items: asks of each, and leaves out who brings it about.
   * @param beside what goes with each; `accepted` are those found good so far
   */
  #checkEach(check: (change: Change) => void, beside: (accepted: readonly Item[]) => readonly Item[]): void {
    const accepted: Item[] = [];
    const removed = [...this.delete];
    for (const item of [...this.put.values()]) {
      try {
        check({ source: etcdSource, put: [...beside(accepted), item], delete: removed });
        accepted.push(item);
      } catch (error) {
        if (isCodedError(error, "CLOSED")) throw error;
        this.#refuse(item, messageOf(error));
      }
    }
  }

  #refuse(item: Item, error: string): void {
    this.put.delete(item.key);
    this.refused.set(item.key, { error, item });
  }
}

function same(a: Item, b: Item): boolean {
  return a.model === b.model && equals(a.model.schema, a.value as Message, b.value as Message);
}
