import { create } from "@bufbuild/protobuf";
import { PathSegmentSchema } from "@nsmkit/api/networkservice";
import { CodedError } from "@nsmkit/core";
import { begun, type Context, type Element, key } from "../../../chain/index.ts";
import { checkPolicies, type Policy, serverPolicies } from "../../../networkservice/common/authorize/policies.ts";
import type { EntryRules, RegistryKind } from "../../core/kinds.ts";
import { pathKey, subjectOf } from "../updatepath/path.ts";

/**
 * Who may register and unregister a name: callers whose tokens hold; anyone of them if the name is free, else only its
 * first owner, the identity of path segment 0. The names are those that were registered here.
 * Rules: networkservicemesh/sdk pkg/registry/common/authorize with policy client_allowed.
 */
export class Ownership<K extends RegistryKind> {
  readonly #rules: EntryRules<K>;
  readonly #policies: readonly Policy[];
  readonly #owners = new Map<string, string>();
  readonly #nameKey = key<string>("owned name", (name) => void this.#owners.delete(name));

  constructor(rules: EntryRules<K>, policies: readonly Policy[] = serverPolicies) {
    this.#rules = rules;
    this.#policies = policies;
  }

  /** For the place above `begin`: a call that is refused must not touch the registration. */
  check(): Element<K> {
    return {
      name: "authorize",
      role: "server",
      requires: ["server/updatepath"],
      request: async (ctx, entry, next) => {
        this.#allow(ctx, entry.name);
        return next.request(ctx, entry);
      },
      close: async (ctx, entry, next) => {
        this.#allow(ctx, entry.name);
        return next.close(ctx, entry);
      },
    };
  }

  /** For the place right below `begin`: ownership ends with the registration, also when it expires. */
  keepWithRegistration(): Element<K> {
    return {
      name: "owner",
      role: "server",
      requires: ["begin", "server/authorize"],
      request: async (ctx, entry, next) => {
        const reply = await next.request(ctx, entry);
        const owner = reply.pathIds[0];
        if (owner !== undefined) {
          this.#owners.set(entry.name, owner);
          begun(ctx).store.set(this.#nameKey, entry.name);
        }
        return reply;
      },
    };
  }

  /** The same for a kind without `begin`: ownership ends with the unregistration. */
  keepUntilClosed(): Element<K> {
    return {
      name: "owner",
      role: "server",
      requires: ["server/authorize", "serialize"],
      request: async (ctx, entry, next) => {
        const reply = await next.request(ctx, entry);
        const owner = reply.pathIds[0];
        if (owner !== undefined) this.#owners.set(entry.name, owner);
        return reply;
      },
      close: async (ctx, entry, next) => {
        await next.close(ctx, entry);
        this.#owners.delete(entry.name);
      },
    };
  }

  #allow(ctx: Context, name: string): void {
    const path = ctx.require(pathKey);
    const segments = path.tokens.slice(0, path.index + 1).map((token) => create(PathSegmentSchema, { token }));
    const certificate = ctx.call?.peer.certificate;
    checkPolicies(this.#policies, { segments, index: path.index, certificate, nowMs: ctx.clock.now() });
    const owner = this.#owners.get(name);
    const caller = subjectOf(path.tokens[0] ?? "");
    if (owner === undefined || owner === caller) return;
    throw new CodedError(
      "PERMISSION_DENIED",
      `${this.#rules.noun} "${name}" belongs to another identity than "${caller}"; use another name, or the identity that registered it`,
    );
  }
}
