import { CodedError } from "@nsmkit/core";
import type { LocalEnd } from "./wiring.ts";

interface Claim {
  readonly connectionId: string;
  /** Settles when the claimant's interface is gone or could not be removed. */
  leaving?: Promise<void>;
}

/**
 * Which connection has which interface name of a namespace. Known before the kernel is asked, so that two connections
 * never fight over a name, and one that follows another waits for its removal.
 */
export class NameClaims {
  readonly #claims = new Map<string, Claim>();

  get size(): number {
    return this.#claims.size;
  }

  /**
   * Takes the ends' names, all or none; those that the connection has already stay.
   * @throws INVALID_ARGUMENT (both ends want one name), CONFLICT (of another connection)
   */
  async take(connectionId: string, ends: readonly LocalEnd[]): Promise<void> {
    const keys = ends.map(keyOf);
    if (new Set(keys).size < keys.length) {
      throw new CodedError(
        "INVALID_ARGUMENT",
        `connection ${connectionId}: both sides want interface ${ends[0]?.plan.name} in the same network namespace; give one another name`,
      );
    }
    const leaving = (): Promise<void>[] =>
      keys.flatMap((key) => {
        const claim = this.#claims.get(key);
        return claim?.leaving && claim.connectionId !== connectionId ? [claim.leaving] : [];
      });
    for (let wait = leaving(); wait.length > 0; wait = leaving()) await Promise.allSettled(wait);
    for (const [i, key] of keys.entries()) {
      const claim = this.#claims.get(key);
      if (claim && claim.connectionId !== connectionId) {
        throw new CodedError(
          "CONFLICT",
          `connection ${connectionId}: interface ${ends[i]?.plan.name} of the ${ends[i]?.side} belongs to connection ${claim.connectionId}; choose another interface name or close that connection`,
          { details: { interface: ends[i]?.plan.name, owner: claim.connectionId } },
        );
      }
    }
    for (const key of keys) if (!this.#claims.has(key)) this.#claims.set(key, { connectionId });
  }

  /** Gives names back once `removal` has succeeded; if it fails they stay taken. */
  async leave(connectionId: string, ends: readonly LocalEnd[], removal: Promise<void>): Promise<void> {
    const own = ends.flatMap((end) => {
      const claim = this.#claims.get(keyOf(end));
      return claim?.connectionId === connectionId ? [{ key: keyOf(end), claim }] : [];
    });
    for (const { claim } of own) claim.leaving = removal;
    try {
      await removal;
      for (const { key } of own) this.#claims.delete(key);
    } finally {
      for (const { claim } of own) delete claim.leaving;
    }
  }
}

const keyOf = (end: LocalEnd): string => `${end.key}/${end.plan.name}`;
