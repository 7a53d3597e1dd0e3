import type { ServingCertificate } from "./issue.ts";

/** Where a server's certificate comes from. */
export interface CertificateSource {
  /** Until the next look, ms. */
  readonly lookMs: number;
  /**
   * The certificate that is to be served now; undefined while there is none.
   * @throws what keeps it from being read; the caller looks again
   */
  read(options: { signal: AbortSignal }): Promise<ServingCertificate | undefined>;
}
