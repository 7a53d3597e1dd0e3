import { type Clock, type Closable, type Logger, systemClock } from "@nsmkit/core";
import { parseListenAddress } from "@nsmkit/core/config";
import { type Client, WebhookMetrics } from "@nsmkit/kube";
import { serveAdmission } from "@nsmkit/kube/admission";
import { CertificateFiles, CertificateKeeper } from "@nsmkit/kube/certificates";
import { openMetrics } from "@nsmkit/sdk/metrics";
import { mutate, type Outcome } from "./mutate/mutate.ts";
import { Namespaces } from "./mutate/namespaces.ts";
import type { WebhookConfig } from "./settings.ts";

export const mutatePath = "/mutate";
export const readyPath = "/ready";

export interface WebhookDeps {
  readonly client: Pick<Client, "find">;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** How long questions are still answered when it ends, ms; default 3,000: the API server hears of it a moment later. */
  readonly drainMs?: number;
}

export interface RunningWebhook extends Closable {
  readonly port: number;
}

/**
 * Starts the webhook. Until its certificate has been read no connection succeeds, so it is not ready either.
 * @throws FAILED_PRECONDITION naming the address that is taken
 */
export async function createNsmAdmissionWebhook(config: WebhookConfig, deps: WebhookDeps): Promise<RunningWebhook> {
  const { client, logger, clock = systemClock, drainMs = 3_000 } = deps;
  await using opened = new AsyncDisposableStack();
  const figures = opened.use(await openMetrics(config, { logger }));
  const metrics = figures.register ? { metrics: new WebhookMetrics(figures.register) } : {};
  const outcomes: Record<Outcome, number> = { injected: 0, untouched: 0, refused: 0 };
  for (const [outcome, what] of Object.entries(outcomeTexts))
    figures.gauge(`nsm_webhook_${outcome}_total`, what, () => outcomes[outcome as Outcome]);
  let ending = false;
  const admit = mutate({
    ...{ config, logger, namespaces: new Namespaces({ client, clock, logger }) },
    onOutcome: (outcome) => {
      outcomes[outcome]++;
    },
  });
  const server = opened.use(
    await serveAdmission({
      ...parseListenAddress(config.listenOn),
      webhooks: { [mutatePath]: admit },
      pages: { [readyPath]: () => (ending ? { status: 503, text: "ending\n" } : { status: 200, text: "ready\n" }) },
      ...{ logger, ...metrics },
    }),
  );
  const keeper = new CertificateKeeper({
    source: new CertificateFiles(config),
    serve: (certificate) => server.use(certificate),
    ...{ clock, logger, ...metrics },
  });
  const stop = new AbortController();
  const keeping = keeper.run({ signal: stop.signal });
  logger.info("serving", { port: server.port });
  const running = opened.move();
  const close = async (): Promise<void> => {
    ending = true;
    if (drainMs > 0) await clock.sleep(drainMs);
    stop.abort();
    await keeping;
    await running.disposeAsync();
  };
  let closed: Promise<void> | undefined;
  const closeOnce = (): Promise<void> => {
    closed ??= close();
    return closed;
  };
  return { port: server.port, close: closeOnce, [Symbol.asyncDispose]: closeOnce };
}

const outcomeTexts: Readonly<Record<Outcome, string>> = {
  injected: "Objects that got clients.",
  untouched: "Objects that were let through as they are.",
  refused: "Objects whose annotation is wrong.",
};
