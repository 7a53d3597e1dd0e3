import { clone } from "@bufbuild/protobuf";
import { type Connection, NetworkServiceRequestSchema, State } from "@nsmkit/api/networkservice";
import type { NetworkService, NetworkServiceEndpoint } from "@nsmkit/api/registry";
import { CodedError, messageOf } from "@nsmkit/core";
import { begun } from "../../../chain/begin.ts";
import type { Context } from "../../../chain/context.ts";
import { key } from "../../../chain/key.ts";
import { isSubset, serviceLabels } from "../../../registry/match/index.ts";
import { connectionOf } from "../../core/connection.ts";
import type { NetworkServiceElement } from "../../core/kind.ts";
import { nextUrl } from "../dial/nexthop.ts";
import type { Discovery } from "../discover/port.ts";
import { serviceOf } from "../discover/server.ts";

export interface DiscoverForwarderOptions {
  readonly discovery: Pick<Discovery, "networkService">;
  /** The forwarders registered with this nsmgr, in the registry's order, with URLs that it can dial. */
  readonly forwarders: (options: { readonly signal: AbortSignal }) => Promise<readonly NetworkServiceEndpoint[]>;
  /** Name of the service that forwarders register; default `forwarder` (NSM_FORWARDER_NETWORK_SERVICE_NAME). */
  readonly serviceName?: string;
}

/** Name of the forwarder that has the connection. */
const chosenKey = key<string>("forwarder");

/** What a service without metadata wants of a forwarder. */
const pointToPoint = { p2p: "true" };

/**
 * Chooses a forwarder of this node. The one that has the connection stays; otherwise all that fit the service are
 * tried in order, the one named by the next path segment first. An nsmgr takes no notice of the endpoint's name.
 * Rules: networkservicemesh/sdk pkg/networkservice/common/discoverforwarder.
 */
export function discoverForwarderServer(options: DiscoverForwarderOptions): NetworkServiceElement {
  const { serviceName = "forwarder" } = options;

  const candidatesFor = async (ctx: Context, connection: Connection): Promise<readonly NetworkServiceEndpoint[]> => {
    const service = await serviceOf(options.discovery, ctx, connection.networkService, connection.payload);
    const all = await options.forwarders({ signal: ctx.signal });
    const fitting = fittingForwarders(connection.labels, service, all, serviceName);
    if (fitting.length > 0) return fitting;
    const detail = all.length === 0 ? "no forwarder is registered" : `none of ${all.length} forwarders has its labels`;
    throw new CodedError("NOT_FOUND", `no forwarder for network service "${service.name}": ${detail}`, {
      retryable: true,
    });
  };

  return {
    name: "discoverforwarder",
    role: "server",
    requires: ["begin"],
    async request(ctx, request, next) {
      const connection = connectionOf(request);
      const { store } = begun(ctx);
      if (connection.state === State.RESELECT_REQUESTED) store.take(chosenKey);
      const chosen = store.get(chosenKey);
      const fitting = await candidatesFor(ctx, connection);
      const inOrder = chosen === undefined ? preferred(fitting, connection) : fitting.filter((f) => f.name === chosen);
      if (inOrder.length === 0)
        throw new CodedError("UNAVAILABLE", `forwarder "${chosen}", which has the connection, is not registered`);
      const failures: string[] = [];
      let cause: unknown;
      for (const forwarder of inOrder) {
        try {
          // The last attempt may have the message itself.
          const attempt = forwarder === inOrder.at(-1) ? request : clone(NetworkServiceRequestSchema, request);
          const reply = await next.request(ctx.with(nextUrl, forwarder.url), attempt);
          store.set(chosenKey, forwarder.name);
          return reply;
        } catch (error) {
          if (inOrder.length === 1 || ctx.signal.aborted) throw error;
          cause = error;
          failures.push(`${forwarder.name}: ${messageOf(error)}`);
        }
      }
      throw new CodedError("UNAVAILABLE", `every forwarder failed: ${failures.join("; ")}`, { cause });
    },
    async close(ctx, connection, next) {
      const name = begun(ctx).store.take(chosenKey) ?? nextSegmentName(connection);
      const forwarders = await options.forwarders({ signal: ctx.signal }).catch(() => []);
      const forwarder = forwarders.find((each) => each.name === name);
      if (!forwarder)
        ctx.logger.info("closing at a forwarder that is not registered", { connection: connection.id, name });
      return next.close(forwarder ? ctx.with(nextUrl, forwarder.url) : ctx, connection);
    },
  };
}

const nextSegmentName = ({ path }: Connection): string | undefined => path?.pathSegments[path.index + 1]?.name;

/** The forwarder that the path names goes first, unless the client wants another choice. */
function preferred(
  forwarders: readonly NetworkServiceEndpoint[],
  connection: Connection,
): readonly NetworkServiceEndpoint[] {
  const name = nextSegmentName(connection);
  if (connection.state === State.RESELECT_REQUESTED || name === undefined) return forwarders;
  return [...forwarders.filter((f) => f.name === name), ...forwarders.filter((f) => f.name !== name)];
}

/** Forwarders with the labels that the first match for the client asks for; all if the service has no matches. */
export function fittingForwarders(
  clientLabels: Readonly<Record<string, string>>,
  service: NetworkService,
  forwarders: readonly NetworkServiceEndpoint[],
  serviceName: string,
): readonly NetworkServiceEndpoint[] {
  if (service.matches.length === 0) return forwarders;
  for (const match of service.matches) {
    if (!isSubset(clientLabels, match.sourceSelector, clientLabels)) continue;
    const wanted =
      match.metadata && Object.keys(match.metadata.labels).length > 0 ? match.metadata.labels : pointToPoint;
    const fitting = forwarders.filter(
      (forwarder) =>
        forwarder.networkServiceLabels[serviceName] !== undefined &&
        isSubset(serviceLabels(forwarder, serviceName), wanted, clientLabels),
    );
    if (fitting.length > 0 || !match.fallthrough) return fitting;
  }
  return [];
}
