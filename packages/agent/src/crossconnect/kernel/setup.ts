import { CodedError, isCodedError, type Logger } from "@nsmkit/core";
import { firstFailure, type Link, linkGet, linkSet, type Netlink, type OpResult, type Step } from "@nsmkit/netlink";
import { findLinks, findMarked, readActual } from "./actual.ts";
import { diff, replaceRoute, ruleRemovals, setIpv6 } from "./diff.ts";
import { emptyPlan, type InterfacePlan } from "./interface-plan.ts";
import { checkFree, vniInUse } from "./occupied.ts";
import { addressesReady, linksReady, takesPackets } from "./ready.ts";
import type { Place, RemovalQueue } from "./removal.ts";
import type { EndRoute } from "./shared-routes.ts";
import { isMarked, isWired, type LocalEnd, linkStep, renameSteps, type Wiring } from "./wiring.ts";

/** A wiring that stands in the kernel; `places` in the order of its ends. */
export interface Fitted extends Wiring {
  readonly places: readonly Place[];
}

/** What is known of the world around a new link. */
export interface Known {
  /** An earlier life of ours left links of this connection. */
  readonly isLeft: boolean;
  /** Whether a marked id is a connection that we serve now. */
  isLive(markedId: string): boolean;
}

/** How an update that failed ended. */
export interface Failed {
  readonly failure: CodedError;
  /** False: the old state could not be brought back either, and everything was removed. */
  readonly restored: boolean;
}

/**
 * Makes, changes and removes the links of single connections. None of it can be cancelled half-way: it is a few
 * milliseconds of kernel work, and afterwards either all of it stands or nothing.
 */
export class LinkSetup {
  readonly #netlink: Netlink;
  readonly #removals: RemovalQueue;
  readonly #logger: Logger;
  #canSwitchIpv6 = true;

  constructor(options: { readonly netlink: Netlink; readonly removals: RemovalQueue; readonly logger: Logger }) {
    this.#netlink = options.netlink;
    this.#removals = options.removals;
    this.#logger = options.logger;
  }

  /** @throws ALREADY_EXISTS (a name is taken by a link that is not ours), CONFLICT (by a live connection; VNI in use) */
  async create(asked: Wiring, known: Known): Promise<Fitted> {
    const wiring = this.#canSwitchIpv6 ? asked : withIpv6(asked);
    const steps = [linkStep(wiring), ...wiring.ends.map(newInterface), ...wiring.ends.map(look)];
    try {
      let results = known.isLeft ? undefined : await this.#netlink.execute(steps);
      if (!results || isCodedError(failureOf(results[0]), "ALREADY_EXISTS")) {
        const taken = await this.#takeOver(wiring, known);
        if (taken) return taken;
        results = await this.#netlink.execute(steps);
        if (wiring.tunnel && isCodedError(failureOf(results[0]), "ALREADY_EXISTS")) {
          throw vniInUse(wiring.connectionId, wiring.tunnel);
        }
      }
      const failure = firstFailure(results) ?? (await this.#addPolicies(wiring));
      if (failure) throw failure;
      const links = results.slice(-wiring.ends.length).map(([first]) => linkIn(first));
      const late = wiring.ends.filter((_, i) => !links[i] || !takesPackets(links[i]));
      if (late.length > 0) this.#tellLate(wiring, await linksReady(this.#netlink, late));
      return await this.#ready({ ...wiring, places: placesOf(wiring, links) });
    } catch (error) {
      await this.#undo(wiring).catch((undoError: unknown) => {
        this.#logger.error("a link of a failed connection may be left", {
          connection: wiring.connectionId,
          error: undoError,
        });
      });
      if (!this.#canSwitchIpv6 || !isAboutIpv6(error)) throw named(wiring.connectionId, error);
    }
    // A kernel without IPv6, or /proc/sys read-only: it was only to save time.
    this.#canSwitchIpv6 = false;
    return this.create(asked, known);
  }

  /** From `before` to `wiring`, which is the same link, by the changes alone. */
  async update(before: Fitted, wiring: Wiring): Promise<Fitted | Failed> {
    const known = before.ends.map(({ plan }) => plan);
    let failure = await this.#change(known, wiring.ends);
    // What we believed may not be so: somebody in the Pod may have changed it.
    if (failure) failure = await this.#converge(wiring.ends, before.ends);
    if (!failure) return this.#ready({ ...wiring, places: before.places });
    const worse = await this.#converge(before.ends, wiring.ends);
    if (worse) await this.remove(before);
    return { failure: named(wiring.connectionId, failure), restored: !worse };
  }

  /** Resolves when nothing of it is left. Repeatable: what is gone already is fine. */
  async remove(fitted: Fitted): Promise<void> {
    await both(this.#removeRules(fitted), this.#removals.remove(fitted.places));
  }

  /** Says routes again that went with another connection's link. They are known to be possible, so a failure is odd. */
  async restore(routes: readonly EndRoute[]): Promise<void> {
    if (routes.length === 0) return;
    const results = await this.#netlink.execute(
      routes.map(({ end, route }) => ({ netns: end.netns, ops: [replaceRoute(end.plan.name, route)] })),
      { onError: "continue" },
    );
    const failure = firstFailure(results);
    if (failure) this.#logger.warn("a route that two connections share was not restored", { error: failure });
  }

  /**
   * The link of an earlier life, as it stands, so that its traffic goes on: what is right about it is not touched, and
   * where the endpoint wants another name it is renamed. What stands in the way otherwise is removed.
   * @returns undefined when there is nothing to take over
   */
  async #takeOver(wiring: Wiring, known: Known): Promise<Fitted | undefined> {
    const named = await findLinks(this.#netlink, wiring.ends);
    checkFree(wiring, named, known.isLive);
    if (isWired(wiring, named)) return this.#adopt(wiring, named);
    const marked = await findMarked(this.#netlink, wiring);
    const inTheWay = named.map((link, i) => (link?.index === marked[i]?.index ? undefined : link));
    await this.#removeEach(wiring, inTheWay);
    if (isWired(wiring, marked)) {
      const renaming = await this.#netlink.execute(renameSteps(wiring, marked));
      if (!firstFailure(renaming)) return this.#adopt(wiring, marked);
    }
    await this.#removeEach(wiring, marked);
    return undefined;
  }

  async #adopt(wiring: Wiring, links: readonly (Link | undefined)[]): Promise<Fitted> {
    const failure = await this.#change(await readActual(this.#netlink, wiring.ends), wiring.ends);
    if (failure) throw failure;
    return this.#ready({ ...wiring, places: placesOf(wiring, links) });
  }

  async #ready(fitted: Fitted): Promise<Fitted> {
    this.#tellLate(fitted, await addressesReady(this.#netlink, fitted.ends));
    return fitted;
  }

  #tellLate({ connectionId }: Wiring, late: readonly LocalEnd[]): void {
    for (const { side, plan } of late) {
      this.#logger.warn("the kernel takes long to make an interface ready", {
        connection: connectionId,
        side,
        interface: plan.name,
      });
    }
  }

  /** They may be ends of different links. */
  async #removeEach(wiring: Wiring, links: readonly (Link | undefined)[]): Promise<void> {
    await Promise.all(placesOf(wiring, links).map((place) => this.#removals.remove([place])));
  }

  /** After the link: its rules may be there already, because they outlive a link, and the kernel would take them twice. */
  async #addPolicies(wiring: Wiring): Promise<CodedError | undefined> {
    if (wiring.ends.every(({ plan }) => plan.policies.length === 0)) return undefined;
    await this.#removeRules(wiring);
    const before = wiring.ends.map(({ plan }) => withoutPolicies(plan));
    return this.#change(before, wiring.ends);
  }

  async #change(from: readonly InterfacePlan[], ends: readonly LocalEnd[]): Promise<CodedError | undefined> {
    const steps = ends.flatMap(({ netns, plan }, i): Step[] => {
      const ops = diff(from[i] ?? emptyPlan(plan.name), plan);
      return ops.length > 0 ? [{ netns, ops }] : [];
    });
    return steps.length > 0 ? firstFailure(await this.#netlink.execute(steps)) : undefined;
  }

  async #converge(ends: readonly LocalEnd[], attempted: readonly LocalEnd[]): Promise<CodedError | undefined> {
    try {
      return await this.#change(await readActual(this.#netlink, ends, attempted), ends);
    } catch (error) {
      if (isCodedError(error)) return error;
      throw error;
    }
  }

  /** Removes what carries the mark of this very connection, and nothing else. */
  async #undo(wiring: Wiring): Promise<void> {
    await both(this.#removeRules(wiring), this.#removeMarked(wiring));
  }

  async #removeMarked(wiring: Wiring): Promise<void> {
    const links = await findLinks(this.#netlink, wiring.ends);
    await this.#removals.remove(
      placesOf(
        wiring,
        links.map((link, i) => (isMarked(wiring, i, link) ? link : undefined)),
      ),
    );
  }

  async #removeRules({ ends }: Wiring): Promise<void> {
    const steps = ends.flatMap(({ netns, plan }) => {
      const ops = ruleRemovals(plan);
      return ops.length > 0 ? [{ netns, ops }] : [];
    });
    if (steps.length === 0) return;
    const results = await this.#netlink.execute(steps, { onError: "continue" });
    const failure = results.flat().find((result) => !result.ok && result.error.code !== "NOT_FOUND");
    if (failure && !failure.ok) throw failure.error;
  }
}

const failureOf = (results: readonly OpResult[] | undefined): CodedError | undefined => firstFailure(results ?? []);

const linkIn = (result: OpResult | undefined): Link | undefined => (result?.ok ? (result.value as Link) : undefined);

/** Waits for both, then throws the first failure. */
async function both(one: Promise<void>, other: Promise<void>): Promise<void> {
  for (const settled of await Promise.allSettled([one, other])) if (settled.status === "rejected") throw settled.reason;
}

/** At last, when both ends are up: this also makes the kernel finish what it does about their carriers. */
const look = ({ netns, plan }: LocalEnd): Step => ({ netns, ops: [linkGet(plan.name)] });

/** Everything of a new interface but its policies. */
const newInterface = ({ netns, plan }: LocalEnd): Step => ({
  netns,
  ops: [
    ...(plan.ipv6 ? [] : [setIpv6(plan.name, false), linkSet(plan.name, { up: true })]),
    ...diff({ ...emptyPlan(plan.name), ...mtuOf(plan) }, withoutPolicies(plan)),
  ],
});

const withIpv6 = (wiring: Wiring): Wiring => ({
  ...wiring,
  ends: wiring.ends.map((end) => ({ ...end, plan: { ...end.plan, ipv6: true } })),
});

const isAboutIpv6 = (error: unknown): boolean => isCodedError(error) && error.details.operation === "sysctlSet";

const withoutPolicies = (plan: InterfacePlan): InterfacePlan => ({ ...plan, policies: [] });

/** The link is made with its MTU. */
const mtuOf = ({ mtu }: InterfacePlan): { mtu?: number } => (mtu === undefined ? {} : { mtu });

function placesOf({ ends }: Wiring, links: readonly (Link | undefined)[]): Place[] {
  return ends.flatMap(({ key, netns }, i) => {
    const index = links[i]?.index;
    return index === undefined ? [] : [{ key, netns, index }];
  });
}

/** An error of the kernel's, with the connection that it hit. */
export function named(connectionId: string, error: unknown): CodedError {
  if (!isCodedError(error)) {
    return new CodedError("INTERNAL", `connection ${connectionId}: unexpected failure of the data plane`, {
      cause: error,
    });
  }
  if (error.message.startsWith("connection ")) return error;
  const { code, message, retryable, details } = error;
  return new CodedError(code, `connection ${connectionId}: ${message}`, { cause: error, retryable, details });
}
