import { isCodedError, type Logger, messageOf, retry } from "@nsmkit/core";
import type { Running } from "@nsmkit/core/program";
import { clusterOf, KubeClient } from "@nsmkit/kube";
import { createMetrics, createNsmOperator } from "./app.ts";
import { loadMeshPort } from "./mesh/load.ts";
import type { OperatorConfig } from "./settings.ts";

/** The program: finds its API server and starts there. */
export async function startNsmOperator(
  config: OperatorConfig,
  { logger, signal }: { logger: Logger; signal: AbortSignal },
): Promise<Running> {
  await using opened = new AsyncDisposableStack();
  const cluster = await clusterOf(config);
  const metrics = createMetrics();
  // One mesh is worked on at a time; each connection of TLS takes memory.
  const client = opened.use(
    new KubeClient(cluster, { connections: 3, onAnswer: metrics.kube.answered(cluster.server) }),
  );
  const port = await retry(() => loadMeshPort(client, { logger, signal }), {
    ...{ signal, initialMs: 200, maxMs: 10_000 },
    shouldRetry: (error) => isCodedError(error) && error.retryable,
    onRetry: (error) => logger.warn("the API server cannot be asked yet", { reason: messageOf(error) }),
  });
  const operatorNamespace = config.operatorNamespace ?? client.namespace;
  const operator = opened.use(
    await createNsmOperator({ ...config, operatorNamespace }, { client, port, logger, metrics }),
  );
  logger.info("started", { namespaces: config.watchNamespaces.length === 0 ? "all" : config.watchNamespaces });
  const running = opened.move();
  const close = (): Promise<void> => running.disposeAsync();
  return { done: operator.done, close, [Symbol.asyncDispose]: close };
}
