import type { RoutePlan } from "./interface-plan.ts";
import type { LocalEnd } from "./wiring.ts";

/** A route of one interface. */
export interface EndRoute {
  readonly end: LocalEnd;
  readonly route: RoutePlan;
}

/**
 * Which interfaces of a namespace were asked to have a route to a destination. The kernel has one of them, that of the
 * last who asked, and forgets it with its link: then the one before gets it back.
 */
export class SharedRoutes {
  /** Oldest first, by namespace and destination. */
  readonly #askers = new Map<string, EndRoute[]>();

  /** Destinations known: for leak checks. */
  get size(): number {
    return this.#askers.size;
  }

  add(ends: readonly LocalEnd[]): void {
    for (const end of ends) {
      for (const route of end.plan.routes) {
        const key = keyOf(end, route);
        const askers = this.#askers.get(key);
        if (askers) askers.push({ end, route });
        else this.#askers.set(key, [{ end, route }]);
      }
    }
  }

  /** @returns routes of others that went with these ends' */
  remove(ends: readonly LocalEnd[]): EndRoute[] {
    const lost: EndRoute[] = [];
    for (const end of ends) {
      for (const route of end.plan.routes) {
        const key = keyOf(end, route);
        const askers = this.#askers.get(key) ?? [];
        const left = askers.filter((asker) => asker.end !== end);
        const last = left.at(-1);
        if (last === undefined) this.#askers.delete(key);
        else this.#askers.set(key, left);
        if (last && askers.at(-1)?.end === end) lost.push(last);
      }
    }
    return lost;
  }
}

const keyOf = ({ key }: LocalEnd, { destination }: RoutePlan): string => `${key} ${destination}`;
