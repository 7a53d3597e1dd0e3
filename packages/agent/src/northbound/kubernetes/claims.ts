import type { DeclaredPair, DeclaredProblem } from "../../cnf-configuration/pairs.ts";

/**
 * Which resource has which key of the space that all agents share. A key stays with the resource that had it first,
 * until that one lets go of it.
 */
export class Claims {
  readonly #owners: Map<string, string>;
  readonly #keys: Map<string, readonly string[]>;

  constructor(from?: Claims) {
    this.#owners = new Map(from ? from.#owners : []);
    this.#keys = new Map(from ? from.#keys : []);
  }

  /** What stands against a resource having these pairs: a sentence for each that another has. */
  against(resource: string, pairs: readonly DeclaredPair[]): DeclaredProblem[] {
    return pairs.flatMap(({ key, index }) => {
      const owner = this.#owners.get(key);
      if (owner === undefined || owner === resource) return [];
      return {
        index,
        place: `spec.configItems[${index}]`,
        text: `item ${index + 1}: the key ${key} is declared by CNFConfiguration ${owner} too; remove it from one of them`,
      };
    });
  }

  /** Gives the resource these keys and no others. */
  take(resource: string, pairs: readonly DeclaredPair[]): void {
    this.release(resource);
    this.#keys.set(
      resource,
      pairs.map(({ key }) => key),
    );
    for (const { key } of pairs) this.#owners.set(key, resource);
  }

  release(resource: string): void {
    for (const key of this.#keys.get(resource) ?? []) this.#owners.delete(key);
    this.#keys.delete(resource);
  }
}
