import { hostname } from "node:os";
import type { Agent, AgentCore, SourceCore } from "@nsmkit/agent";
import type { GrpcConf } from "@nsmkit/agent/conf";
import type { GrpcMetrics, GrpcServer } from "@nsmkit/agent/grpc";
import { LogRegistry } from "@nsmkit/agent/logs";
import type { Mesh } from "@nsmkit/agent/plugins/nsm";
import { type Clock, type Closable, type Logger, systemClock } from "@nsmkit/core";
import type { JsonLogger, LogLevel } from "@nsmkit/core/pino";
import { type Netlink, openNetlink } from "@nsmkit/netlink";
import pkg from "../package.json" with { type: "json" };
import type { AgentConfig } from "./settings.ts";

export interface AgentDeps {
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
  /** In place of the real one; for tests. */
  readonly mesh?: Mesh;
  /** At which `logger` lets lines through now because somebody said so; default INFO, or what logs.conf says. */
  readonly logLevel?: string;
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
  const { clock = systemClock } = deps;
  const logs = new LogRegistry({ root: deps.logger, level: deps.logLevel ?? "INFO", open: openerOf(deps.logger) });
  const { logger } = logs;
  await using opened = new AsyncDisposableStack();
  // Netlink's thread loads on one processor what it needs, while we load the rest on another.
  const [
    netlink,
    { createAgent },
    { createNsmPlugin, lazyMesh },
    { agentRoutes, listenRest, Probe },
    { readAgentConf },
    { openEtcdOf },
    { openKubernetesOf },
  ] = await Promise.all([
    openNetlink().then((opening) => opened.use(opening)),
    import("@nsmkit/agent"),
    import("@nsmkit/agent/plugins/nsm"),
    import("@nsmkit/agent/rest"),
    import("./conf.ts"),
    import("./etcd.ts"),
    import("./kubernetes.ts"),
  ]);
  const conf = await readAgentConf(config, logger);
  logs.preset(deps.logLevel === undefined ? conf.logs : { loggers: conf.logs.loggers });
  const name = config.nsmName || config.podName || `${config.microserviceLabel}-${hostname()}`;
  const mesh = deps.mesh ?? lazyMesh(() => openMesh(config, { ...deps, logger, clock, netlink }, name));
  // Closed after the agent, with the last states told.
  const etcd = opened.use(await openEtcdOf(config, { ...deps, logger, clock }));
  const kubernetes = opened.use(await openKubernetesOf(config, { logger }));
  const sources = [etcd, kubernetes].flatMap((one) => (one ? (core: SourceCore) => one.source(core) : []));
  const agent = opened.use(
    createAgent({
      label: config.microserviceLabel,
      netlink,
      files: conf.files,
      scheduler: conf.scheduler,
      plugins: [
        (core: AgentCore) =>
          createNsmPlugin(core, { mesh, name, ...(etcd ? { notifications: etcd.notifications } : {}) }),
      ],
      sources,
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
  let grpcMetrics: GrpcMetrics | undefined;
  const http =
    conf.http &&
    opened.use(
      await listenRest({
        ...conf.http,
        clock,
        routes: agentRoutes(agent, { probe, build, logs, moreMetrics: () => grpcMetrics?.text() ?? "" }),
        logger: logger.child({ component: "http" }),
      }),
    );
  etcd?.publish(agent, () => probe.read());
  await agent.start();
  const grpc = conf.grpc && (await openGrpc(agent, conf.grpc, logger));
  if (grpc) opened.use(grpc.server);
  grpcMetrics = grpc?.metrics;
  logger.info("serving", { label: config.microserviceLabel, meshName: name, http: http?.url, grpc: grpc?.server.url });
  const running = opened.move();
  const close = (): Promise<void> => running.disposeAsync();
  return { agent, httpUrl: http?.url, grpcUrl: grpc?.server.url, close, [Symbol.asyncDispose]: close };
}

/** Lets more through a logger whose level can be changed. */
function openerOf(logger: Logger): (level: LogLevel) => void {
  const { setLevel } = logger as Partial<JsonLogger>;
  return (level) => setLevel?.(level);
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

/** Loaded by those who want it: most agents serve no gRPC. */
async function openGrpc(
  agent: Agent,
  { prometheusMetrics, ...conf }: GrpcConf,
  logger: Logger,
): Promise<{ server: GrpcServer; metrics: GrpcMetrics | undefined }> {
  const { agentServices, GrpcMetrics, listenGrpc } = await import("@nsmkit/agent/grpc");
  const metrics = prometheusMetrics ? new GrpcMetrics() : undefined;
  const server = await listenGrpc({
    ...conf,
    services: agentServices(agent),
    logger: logger.child({ component: "grpc" }),
    ...(metrics ? { metrics } : {}),
  });
  return { server, metrics };
}
