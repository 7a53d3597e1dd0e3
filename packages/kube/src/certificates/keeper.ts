import { type Clock, type Logger, messageOf, silentLogger, systemClock } from "@nsmkit/core";
import type { WebhookMetrics } from "../metrics/webhook-metrics.ts";
import type { ServingCertificate } from "./issue.ts";
import type { CertificateSource } from "./source.ts";

export interface CertificateKeeperOptions {
  readonly source: CertificateSource;
  /** Takes a certificate that differs from the one before: `AdmissionServer.use`. */
  readonly serve: (certificate: ServingCertificate) => void;
  /** Done at each look after `serve`, for what else must agree with the certificate, such as a caBundle. */
  readonly publish?: (certificate: ServingCertificate, options: { signal: AbortSignal }) => Promise<void>;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** `KubeMetrics.webhooks`. */
  readonly metrics?: WebhookMetrics;
}

/** While there is none, and after a failure. */
const soonMs = 5_000;
const failedMs = 30_000;

/** Keeps the certificate of a server good for as long as it runs. */
export class CertificateKeeper {
  readonly #options: CertificateKeeperOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #served: ServingCertificate | undefined;
  #waiting = new AbortController();

  constructor(options: CertificateKeeperOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
  }

  /** Whether a certificate is served. */
  get ready(): boolean {
    return this.#served !== undefined;
  }

  /** Looks now and then, until the signal is cancelled; never throws. */
  async run({ signal }: { signal: AbortSignal }): Promise<void> {
    while (!signal.aborted) {
      let delayMs: number;
      try {
        delayMs = (await this.look({ signal })) ? this.#options.source.lookMs : soonMs;
      } catch (error) {
        if (signal.aborted) return;
        this.#logger.warn("the serving certificate cannot be kept, trying again", { reason: messageOf(error) });
        delayMs = this.ready ? failedMs : soonMs;
      }
      const waiting = AbortSignal.any([signal, this.#waiting.signal]);
      await this.#clock.sleep(delayMs, { signal: waiting }).catch(() => {});
    }
  }

  /** Has `run` look at once. */
  wake(): void {
    this.#waiting.abort();
    this.#waiting = new AbortController();
  }

  /** One look. @returns whether there is a certificate @throws what the source or `publish` throws */
  async look({ signal }: { signal: AbortSignal }): Promise<boolean> {
    const { source, serve, publish, metrics } = this.#options;
    let certificate: ServingCertificate | undefined;
    try {
      certificate = await source.read({ signal });
      metrics?.certificateReads.inc();
    } catch (error) {
      metrics?.certificateReadErrors.inc();
      throw error;
    }
    if (!certificate) return false;
    const { certificate: chain, key } = this.#served ?? {};
    if (chain !== certificate.certificate || key !== certificate.key) {
      serve(certificate);
      this.#served = certificate;
      this.#logger.info("serving certificate taken");
    }
    await publish?.(certificate, { signal });
    return true;
  }
}
