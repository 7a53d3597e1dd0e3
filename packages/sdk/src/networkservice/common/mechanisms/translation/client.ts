import { clone } from "@bufbuild/protobuf";
import { type Connection, type Mechanism, MechanismSchema } from "@nsmkit/api/networkservice";
import { begun } from "../../../../chain/begin.ts";
import { key, type Store } from "../../../../chain/key.ts";
import { cloneConnection, connectionOf } from "../../../core/connection.ts";
import type { NetworkServiceElement } from "../../../core/kind.ts";

const farKey = key<Mechanism>("far mechanism");

/** The mechanism towards the next hop, after its reply. */
export const farMechanism = (store: Store): Mechanism | undefined => store.get(farKey);

/**
 * Between the two sides of a forwarder: what is below sees the mechanism towards the next hop, what is above sees the
 * caller's. The far one is remembered for the next request.
 */
export function translationClient(): NetworkServiceElement {
  return {
    name: "translation",
    role: "client",
    requires: ["begin"],
    async request(ctx, request, next) {
      const { store } = begun(ctx);
      const connection = connectionOf(request);
      const near = connection.mechanism;
      connection.mechanism = copy(store.get(farKey));
      request.mechanismPreferences = [];
      const reply = await next.request(ctx, request);
      if (reply.mechanism) store.set(farKey, clone(MechanismSchema, reply.mechanism));
      reply.mechanism = near;
      return reply;
    },
    async close(ctx, closing, next) {
      const connection: Connection = cloneConnection(closing);
      connection.mechanism = begun(ctx).store.take(farKey);
      return next.close(ctx, connection);
    },
  };
}

const copy = (mechanism: Mechanism | undefined): Mechanism | undefined =>
  mechanism && clone(MechanismSchema, mechanism);
