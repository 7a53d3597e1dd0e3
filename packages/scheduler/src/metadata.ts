import type { RegisteredDescriptor } from "./registry.ts";

/** Metadata of one descriptor's base values by label. Read only; changes as values come and go. */
export interface MetadataMap<M = unknown> {
  readonly size: number;
  get(label: string): M | undefined;
  has(label: string): boolean;
  entries(): IterableIterator<[string, M]>;
  /** Labels whose `metadataFields` has `value` under `field`. */
  lookup(field: string, value: string): readonly string[];
}

/** The side of the map that the scheduler writes. */
export class IndexedMetadata implements MetadataMap {
  readonly #registered: RegisteredDescriptor;
  readonly #entries = new Map<string, unknown>();
  readonly #fields = new Map<string, Readonly<Record<string, readonly string[]>>>();
  /** `field NUL value` to labels. */
  readonly #index = new Map<string, Set<string>>();

  constructor(registered: RegisteredDescriptor) {
    this.#registered = registered;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(label: string): unknown {
    return this.#entries.get(label);
  }

  has(label: string): boolean {
    return this.#entries.has(label);
  }

  entries(): IterableIterator<[string, unknown]> {
    return this.#entries.entries();
  }

  lookup(field: string, value: string): readonly string[] {
    return [...(this.#index.get(`${field}\0${value}`) ?? [])];
  }

  /** @param metadata undefined: the value is gone */
  set(label: string, metadata: unknown): void {
    for (const name of namesOf(this.#fields.get(label))) {
      const labels = this.#index.get(name);
      labels?.delete(label);
      if (labels?.size === 0) this.#index.delete(name);
    }
    this.#fields.delete(label);
    if (metadata === undefined) {
      this.#entries.delete(label);
      return;
    }
    this.#entries.set(label, metadata);
    const fields = this.#registered.descriptor.metadataFields?.(label, metadata);
    if (!fields) return;
    this.#fields.set(label, fields);
    for (const name of namesOf(fields)) {
      const labels = this.#index.get(name) ?? new Set();
      this.#index.set(name, labels.add(label));
    }
  }
}

function namesOf(fields: Readonly<Record<string, readonly string[]>> = {}): string[] {
  return Object.entries(fields).flatMap(([field, values]) => values.map((value) => `${field}\0${value}`));
}
