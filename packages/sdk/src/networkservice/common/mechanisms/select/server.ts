import { clone } from "@bufbuild/protobuf";
import { type Connection, type Mechanism, MechanismSchema } from "@nsmkit/api/networkservice";
import { CodedError, messageOf } from "@nsmkit/core";
import type { Context } from "../../../../chain/context.ts";
import { connectionOf } from "../../../core/connection.ts";
import type { NetworkServiceElement } from "../../../core/kind.ts";

/** What a server does to serve one type of mechanism to its caller. */
export interface MechanismServer {
  /** Fills in our side's parameters, again on every refresh. @throws if this one cannot be served */
  serve(ctx: Context, connection: Connection, mechanism: Mechanism): void | Promise<void>;
  /** Lets go of what `serve` took; also for a mechanism that was never served. */
  release?(ctx: Context, connection: Connection, mechanism: Mechanism): void;
}

/** More than anyone has mechanisms; what a hostile client sends beyond is not looked at. */
const mostPreferences = 64;

/**
 * Settles how the caller and we are joined. A mechanism that is chosen already must be one of ours; otherwise the
 * first of the caller's preferences that can be served becomes the connection's.
 * @param servers by mechanism type
 */
export function selectMechanismServer(servers: Readonly<Record<string, MechanismServer>>): NetworkServiceElement {
  const serverFor = (type: string): MechanismServer | undefined =>
    Object.hasOwn(servers, type) ? servers[type] : undefined;

  const choose = async (
    ctx: Context,
    connection: Connection,
    preferences: readonly Mechanism[],
  ): Promise<Mechanism> => {
    const refusals: string[] = [];
    let cause: unknown;
    for (const preference of preferences.slice(0, mostPreferences)) {
      const server = serverFor(preference.type);
      if (!server) continue;
      const mechanism = clone(MechanismSchema, preference);
      try {
        await server.serve(ctx, connection, mechanism);
        return mechanism;
      } catch (error) {
        cause = error;
        refusals.push(`${preference.type}: ${messageOf(error)}`);
      }
    }
    const asked = preferences.map(({ type }) => type).join(", ") || "none";
    const why = refusals.length > 0 ? ` (${refusals.join("; ")})` : "";
    throw new CodedError(
      "UNSUPPORTED",
      `cannot support any of the requested mechanisms: asked for ${asked}${why}; supported are ${Object.keys(servers).join(", ")}`,
      { cause },
    );
  };

  return {
    name: "mechanisms",
    role: "server",
    requires: ["begin"],
    async request(ctx, request, next) {
      const connection = connectionOf(request);
      const settled = connection.mechanism;
      if (settled) {
        const server = serverFor(settled.type);
        if (!server) throw new CodedError("UNSUPPORTED", `unsupported mechanism ${JSON.stringify(settled.type)}`);
        await server.serve(ctx, connection, settled);
      } else {
        connection.mechanism = await choose(ctx, connection, request.mechanismPreferences);
      }
      return next.request(ctx, request);
    },
    async close(ctx, connection, next) {
      const { mechanism } = connection;
      try {
        await next.close(ctx, connection);
      } finally {
        if (mechanism) serverFor(mechanism.type)?.release?.(ctx, connection, mechanism);
      }
    },
  };
}
