/** Metadata of one descriptor's base values by label. Read only; changes as values come and go. */
export interface MetadataMap<M = unknown> {
  readonly size: number;
  get(label: string): M | undefined;
  has(label: string): boolean;
  entries(): IterableIterator<[string, M]>;
  /** Labels whose `metadataFields` has `value` under `field`. */
  lookup(field: string, value: string): readonly string[];
}
