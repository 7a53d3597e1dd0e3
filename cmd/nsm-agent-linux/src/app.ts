import { hostname } from "node:os";
import type { Agent, AgentCore } from "@nsmkit/agent";
import type { Mesh } from "@nsmkit/agent/plugins/nsm";
import { type Clock, type Closable, type Logger, systemClock } from "@nsmkit/core";
import { type Netlink, openNetlink } from "@nsmkit/netlink";
import pkg from "../package.json" with { type: "json" };
import type { AgentConfig } from "./settings.ts";

export interface AgentDeps {
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
  /** In place of the real one; for tests. */
  readonly mesh?: Mesh;
  /** Environment of the iptables programs. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

export interface RunningAgent extends Closable {
  readonly agent: Agent;
  readonly httpUrl: string | undefined;
  readonly grpcUrl: string | undefined;
}

/** Starts an agent. Resolves when the first transaction has begun; what takes longer shows in the status of values. */
export async function createNsmAgentLinux(config: AgentConfig, deps: AgentDeps): Promise<RunningAgent> {
  const { logger, clock = systemClock } = deps;
  if (config.etcdConfig)
    logger.warn("ETCD_CONFIG has no effect: this version takes its configuration from files and gRPC");
  await using opened = new AsyncDisposableStack();
  // Netlink's thread loads on one processor what it needs, while we load the rest on another.
  const [
    netlink,
    { createAgent },
    { createNsmPlugin, lazyMesh },
    { agentRoutes, listenRest, Probe },
    { readAgentConf },
  ] = await Promise.all([
    openNetlink().then((opening) => opened.use(opening)),
    import("@nsmkit/agent"),
    import("@nsmkit/agent/plugins/nsm"),
    import("@nsmkit/agent/rest"),
    import("./conf.ts"),
  ]);
  const conf = await readAgentConf(config, logger);
  const name = config.nsmName || config.podName || `${config.microserviceLabel}-${hostname()}`;
  const mesh = deps.mesh ?? lazyMesh(() => openMesh(config, { ...deps, clock, netlink }, name));
  const agent = opened.use(
    createAgent({
      label: config.microserviceLabel,
      netlink,
      files: conf.files,
      plugins: [(core: AgentCore) => createNsmPlugin(core, { mesh, name })],
      logger,
      clock,
      ...(deps.environment ? { environment: deps.environment } : {}),
    }),
  );
  const build = { version: pkg.version };
  const probe = new Probe(
    () => agent.parts(),
    build,
    () => clock.now(),
  );
  const http =
    conf.http &&
    opened.use(
      await listenRest({
        ...conf.http,
        routes: agentRoutes(agent, probe, build),
        logger: logger.child({ component: "http" }),
      }),
    );
  await agent.start();
  const grpc = conf.grpc === undefined ? undefined : opened.use(await listenGrpc(agent, conf.grpc, logger));
  logger.info("serving", { label: config.microserviceLabel, meshName: name, http: http?.url, grpc: grpc?.urls[0] });
  const running = opened.move();
  const close = (): Promise<void> => running.disposeAsync();
  return { agent, httpUrl: http?.url, grpcUrl: grpc?.urls[0], close, [Symbol.asyncDispose]: close };
}

/** The parts for gRPC are loaded by those who need them: an agent without network services starts in half the time. */
async function openMesh(
  config: AgentConfig,
  deps: AgentDeps & { clock: Clock; netlink: Netlink },
  name: string,
): Promise<Mesh> {
  const [{ sdkMesh }, { openIdentity }] = await Promise.all([
    import("@nsmkit/agent/plugins/nsm/mesh"),
    import("@nsmkit/sdk/settings"),
  ]);
  const { nodeName, podName, clusterName } = config;
  const places = Object.entries({ nodeName, podName, clusterName }).filter(([, value]) => value);
  return sdkMesh({
    connectTo: config.connectTo,
    name,
    identity: await openIdentity(config, { name, logger: deps.logger, signal: deps.signal }),
    labels: { ...Object.fromEntries(places), ...config.labels } as Record<string, string>,
    requestTimeoutMs: config.requestTimeoutMs,
    logger: deps.logger.child({ component: "mesh" }),
    clock: deps.clock,
    handle: deps.netlink.handle(),
    ...(config.listenOn ? { listenOn: config.listenOn } : {}),
  });
}

async function listenGrpc(agent: Agent, url: string, logger: Logger) {
  const [{ agentServices }, { listen }, { insecureIdentity }] = await Promise.all([
    import("@nsmkit/agent/grpc"),
    import("@nsmkit/sdk/transport"),
    import("@nsmkit/sdk/identity"),
  ]);
  const identity = insecureIdentity({ name: agent.label });
  return listen([url], { identity, services: agentServices(agent), logger: logger.child({ component: "grpc" }) });
}
