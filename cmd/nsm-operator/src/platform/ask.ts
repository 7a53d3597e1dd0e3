/** Questions to an API server of which nobody knows whether it has the answer. */
import { isCodedError } from "@nsmkit/core";
import type { KubeClient } from "@nsmkit/kube";

type Json = Readonly<Record<string, unknown>>;

/** One look at a cluster: who asks, and what was refused. */
export class Look {
  readonly #client: Pick<KubeClient, "raw">;
  readonly #signal: AbortSignal;
  /** Paths that we may not read. */
  readonly forbidden = new Set<string>();

  constructor(client: Pick<KubeClient, "raw">, { signal }: { signal: AbortSignal }) {
    this.#client = client;
    this.#signal = signal;
  }

  /** @returns undefined when there is no such thing, or we may not see it */
  async ask(path: string): Promise<unknown> {
    try {
      return await this.#client.raw(path, { signal: this.#signal });
    } catch (error) {
      if (isCodedError(error, "PERMISSION_DENIED")) this.forbidden.add(path.replace(/\?.*$/, ""));
      else if (!isCodedError(error, "NOT_FOUND")) throw error;
      return undefined;
    }
  }
}

export const isMap = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The value under these names, undefined where anything on the way is missing or something else. */
export function under(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((at, name) => (isMap(at) ? at[name] : undefined), value);
}

/** Texts of a list, of one text, or of objects that hold them under a name. */
export function textsOf(value: unknown, name?: string): readonly string[] {
  const items = Array.isArray(value) ? (value as readonly unknown[]) : [value];
  return items
    .map((item) => (name === undefined ? item : under(item, name)))
    .filter((item): item is string => typeof item === "string");
}

/** A text under these names, "" where there is none. */
export const textAt = (value: unknown, ...path: readonly string[]): string => textsOf(under(value, ...path))[0] ?? "";
