import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { CodedError } from "@nsmkit/core";
import type { ServingCertificate } from "./issue.ts";
import type { CertificateSource } from "./source.ts";

/** Mounted Secrets are exchanged by the kubelet about once a minute; controller-runtime's certwatcher looks every 10 s. */
const filesLookMs = 10_000;

/**
 * A certificate that somebody else keeps in two files, as cert-manager, OLM or a mounted Secret do. The files are read
 * each time: a kubelet exchanges them by a symbolic link, which watches of files miss.
 */
export class CertificateFiles implements CertificateSource {
  readonly lookMs = filesLookMs;
  readonly #certFile: string;
  readonly #keyFile: string;

  constructor(options: { certFile: string; keyFile: string }) {
    this.#certFile = options.certFile;
    this.#keyFile = options.keyFile;
  }

  /**
   * @throws NOT_FOUND for a file that cannot be read; INVALID_CONFIG for a pair that does not belong together, as between
   * the exchange of one file and of the other: what is served stays until they do
   */
  async read(): Promise<ServingCertificate> {
    const [certificate, key] = await Promise.all([text(this.#certFile), text(this.#keyFile)]);
    try {
      createSecureContext({ cert: certificate, key });
    } catch (cause) {
      throw new CodedError(
        "INVALID_CONFIG",
        `${this.#certFile} and ${this.#keyFile} are no certificate with its key; write both in PEM`,
        { cause },
      );
    }
    return { ca: "", certificate, key };
  }
}

async function text(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new CodedError("NOT_FOUND", `${file} cannot be read`, { cause });
  }
}
