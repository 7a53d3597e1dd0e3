import { type Clock, Deferred, type Logger, systemClock } from "@nsmkit/core";
import type { Running } from "@nsmkit/core/program";
import { openNetlink } from "@nsmkit/netlink";
import { type Client, type ClientConnection, client } from "@nsmkit/sdk";
import type { LivenessCheck, ServiceUrl } from "@nsmkit/sdk/networkservice";
import { openIdentity } from "@nsmkit/sdk/settings";
import { pingCheck } from "./liveness.ts";
import { ReadyFile } from "./ready-file.ts";
import { parseServices } from "./services.ts";
import type { NscConfig } from "./settings.ts";

export interface NscDeps {
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
  /** In place of pinging; tests have no interface to ping through. */
  readonly livenessCheck?: LivenessCheck;
}

export interface RunningNsc extends Running {
  readonly client: Client;
  /** Resolves when every service was connected once. */
  readonly ready: Promise<readonly ClientConnection[]>;
  /** Never resolves; rejects when a service can never be connected. */
  readonly done: Promise<void>;
}

/** Starts to connect to the services; goes on until they are connected, then keeps them so. Closing closes them. */
export async function createNsc(config: NscConfig, deps: NscDeps): Promise<RunningNsc> {
  const { logger, clock = systemClock, signal } = deps;
  const { name, connectTo, dialTimeoutMs, requestTimeoutMs } = config;
  const services = parseServices(config.networkServices, config.mechanism);
  await using opened = new AsyncDisposableStack();
  const identity = opened.use(await openIdentity(config, { ...deps, name }));
  const readyFile = new ReadyFile(config.readyFile, logger);
  await readyFile.set(false);
  opened.defer(() => readyFile.set(false));

  let livenessCheck = deps.livenessCheck;
  if (config.livenessCheckEnabled && !livenessCheck) {
    const netlink = opened.use(await openNetlink());
    const handle = netlink.handle();
    const timeoutMs = config.livenessCheckTimeoutMs;
    livenessCheck = pingCheck((options) => handle.ping(options), { timeoutMs, logger });
  }
  const mesh = opened.use(
    client({
      ...{ name, connectTo, identity, dialTimeoutMs, requestTimeoutMs, clock, logger },
      labels: { ...labelsOf(config), ...config.labels },
      ...(livenessCheck && { livenessCheck }),
      livenessIntervalMs: config.livenessCheckIntervalMs,
      livenessTimeoutMs: config.livenessCheckTimeoutMs,
    }),
  );

  const update = (): void => {
    const up = mesh.connections.filter(({ state }) => state === "up").length;
    void readyFile.set(up === services.length);
  };
  const connect = async (service: ServiceUrl, index: number): Promise<ClientConnection> => {
    const connection = await mesh.connect(service, {
      id: `${name}-${index}`,
      timeoutMs: Number.POSITIVE_INFINITY,
      signal,
    });
    follow(connection, service, logger, update);
    update();
    return connection;
  };
  const ready = Promise.all(services.map(connect));
  const failed = new Deferred<void>();
  ready.catch((error: unknown) => failed.reject(error));
  failed.promise.catch(() => {});

  const running = opened.move();
  const close = (): Promise<void> => running.disposeAsync();
  return { client: mesh, ready, done: failed.promise, close, [Symbol.asyncDispose]: close };
}

function labelsOf({ nodeName, podName, clusterName }: NscConfig): Record<string, string> {
  const labels = Object.entries({ nodeName, podName, clusterName });
  return Object.fromEntries(labels.filter((pair): pair is [string, string] => !!pair[1]));
}

/** Logs what becomes of a connection. */
function follow(connection: ClientConnection, service: ServiceUrl, logger: Logger, changed: () => void): void {
  const { id } = connection;
  const facts = () => ({
    connection: id,
    networkService: service.networkService,
    endpoint: connection.connection.networkServiceEndpointName,
    interface: connection.interfaceName,
    addresses: connection.addresses,
  });
  logger.info("connected", facts());
  connection.on("down", ({ reason }) => {
    logger.warn("connection is down", { connection: id, reason });
    changed();
  });
  connection.on("healed", () => {
    logger.info("connection is up again", facts());
    changed();
  });
}
