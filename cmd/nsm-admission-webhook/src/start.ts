import type { Logger } from "@nsmkit/core";
import type { Running } from "@nsmkit/core/program";
import { clusterOf, KubeClient } from "@nsmkit/kube";
import { createNsmAdmissionWebhook } from "./app.ts";
import type { WebhookConfig } from "./settings.ts";

/** The program: finds its API server and starts. */
export async function startNsmAdmissionWebhook(
  config: WebhookConfig,
  { logger }: { readonly logger: Logger },
): Promise<Running> {
  await using opened = new AsyncDisposableStack();
  const cluster = await clusterOf(config);
  const client = opened.use(new KubeClient(cluster, { timeoutMs: 2_000 }));
  opened.use(await createNsmAdmissionWebhook(config, { client, logger }));
  const running = opened.move();
  const close = (): Promise<void> => running.disposeAsync();
  return { close, [Symbol.asyncDispose]: close };
}
