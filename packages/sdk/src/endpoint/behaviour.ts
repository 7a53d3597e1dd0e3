import type { Connection } from "@nsmkit/api/networkservice";
import { CodedError, messageOf } from "@nsmkit/core";
import { begun } from "../chain/begin.ts";
import { closeBelow } from "../chain/bounded.ts";
import { dnsContextServer } from "../networkservice/common/dnscontext/server.ts";
import { pointToPointIpam } from "../networkservice/common/ipam/point-to-point.ts";
import { kernelEndpointServer } from "../networkservice/common/mechanisms/kernel/server.ts";
import { selectMechanismServer } from "../networkservice/common/mechanisms/select/server.ts";
import { sendFdServer } from "../networkservice/common/mechanisms/sendfd/server.ts";
import { cloneConnection } from "../networkservice/core/connection.ts";
import type { NetworkServiceElement } from "../networkservice/core/kind.ts";
import type { EndpointBehaviour } from "./api.ts";

/** The chain elements of one endpoint. */
export function behaviourElements(behaviour: EndpointBehaviour): readonly NetworkServiceElement[] {
  const { cidrs = [], strictAddresses = false, dns = [], singleClient = false, elements = [] } = behaviour;
  const { netns, interfaceName } = behaviour;
  const groups = cidrs.length === 0 ? [] : isGrouped(cidrs) ? cidrs : [cidrs];
  const kernel = kernelEndpointServer({
    ...(netns !== undefined && { netnsUrl: `file://${netns}` }),
    ...(interfaceName && { interfaceName }),
  });
  return [
    ...(singleClient ? [onlyOneClient()] : []),
    callbacks(behaviour),
    sendFdServer(),
    selectMechanismServer({ KERNEL: kernel }),
    ...(groups.length > 0 ? [pointToPointIpam({ groups, strict: strictAddresses })] : []),
    ...(dns.length > 0 ? [dnsContextServer(dns)] : []),
    ...elements,
  ];
}

const isGrouped = (cidrs: NonNullable<EndpointBehaviour["cidrs"]>): cidrs is readonly (readonly string[])[] =>
  cidrs.every((each) => typeof each !== "string");

function onlyOneClient(): NetworkServiceElement {
  let holder: string | undefined;
  const release = (id: string): void => {
    if (holder === id) holder = undefined;
  };
  return {
    name: "singleclient",
    role: "server",
    requires: ["begin"],
    async request(ctx, request, next) {
      const { id, established } = begun(ctx);
      if (holder !== undefined && holder !== id)
        throw new CodedError("RESOURCE_EXHAUSTED", "this endpoint serves one client at a time and has one");
      holder = id;
      try {
        return await next.request(ctx, request);
      } catch (error) {
        if (!established) release(id);
        throw error;
      }
    },
    async close(ctx, connection, next) {
      release(begun(ctx).id);
      return next.close(ctx, connection);
    },
  };
}

function callbacks({ onConnect, onDisconnect }: EndpointBehaviour): NetworkServiceElement {
  return {
    name: "callbacks",
    role: "server",
    requires: ["begin"],
    async request(ctx, request, next) {
      const { established } = begun(ctx);
      const reply = await next.request(ctx, request);
      if (established) return reply;
      try {
        await onConnect?.(cloneConnection(reply), { signal: ctx.signal });
        return reply;
      } catch (error) {
        await closeBelow(ctx, next, cloneConnection(reply));
        throw error;
      }
    },
    async close(ctx, connection, next) {
      const gone: Connection = cloneConnection(connection);
      try {
        await next.close(ctx, connection);
      } finally {
        try {
          await onDisconnect?.(gone);
        } catch (error) {
          ctx.logger.error("onDisconnect failed", { connection: gone.id, reason: messageOf(error), error });
        }
      }
    },
  };
}
