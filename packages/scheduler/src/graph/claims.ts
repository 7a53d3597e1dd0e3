import type { Node } from "./node.ts";

interface Claim {
  holder: Node | undefined;
  readonly waiters: Set<Node>;
}

/** Who holds which exclusive name, and who waits for it. */
export class Claims {
  readonly #claims = new Map<string, Claim>();

  /** The first of `names` that another node holds. */
  heldByOther(node: Node, names: readonly string[]): { name: string; holder: Node } | undefined {
    for (const name of names) {
      const holder = this.#claims.get(name)?.holder;
      if (holder && holder !== node) return { name, holder };
    }
    return undefined;
  }

  hold(node: Node, names: readonly string[]): void {
    for (const name of names) {
      const claim = this.#claim(name);
      claim.holder ??= node;
      claim.waiters.delete(node);
    }
  }

  wait(node: Node, name: string): void {
    this.#claim(name).waiters.add(node);
  }

  stopWaiting(node: Node, name: string): void {
    const claim = this.#claims.get(name);
    claim?.waiters.delete(node);
    this.#prune(name);
  }

  /** Gives names back. @returns nodes that waited for one of them */
  free(node: Node, names: readonly string[]): Node[] {
    const waiting: Node[] = [];
    for (const name of names) {
      const claim = this.#claims.get(name);
      if (claim?.holder !== node) continue;
      claim.holder = undefined;
      waiting.push(...claim.waiters);
      this.#prune(name);
    }
    return waiting;
  }

  waitersFor(node: Node): Node[] {
    return node.claims.flatMap((name) => [...(this.#claims.get(name)?.waiters ?? [])]);
  }

  #claim(name: string): Claim {
    let claim = this.#claims.get(name);
    if (!claim) {
      claim = { holder: undefined, waiters: new Set() };
      this.#claims.set(name, claim);
    }
    return claim;
  }

  #prune(name: string): void {
    const claim = this.#claims.get(name);
    if (claim && !claim.holder && claim.waiters.size === 0) this.#claims.delete(name);
  }
}
