import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { bad, makeSvid, type SvidSource } from "./svid.ts";

export interface PemFiles {
  /** Path of the leaf and its intermediates, leaf first. */
  readonly certificate: string;
  /** Path of the private key: EC P-256, unencrypted. */
  readonly key: string;
  /** Path of the roots of the trust domain. */
  readonly bundle: string;
}

/** An identity from three PEM files, read once: for tests and for places without a SPIFFE agent. */
export function pemFiles(paths: PemFiles): SvidSource {
  return async function* () {
    const [certificate, key, bundle] = await Promise.all([
      read(paths.certificate, "certificate"),
      read(paths.key, "key"),
      read(paths.bundle, "bundle"),
    ]);
    yield makeSvid("PEM files", {
      chain: certificates(certificate, `certificate ${paths.certificate}`),
      privateKey: privateKey(key, `key ${paths.key}`),
      bundle: certificates(bundle, `bundle ${paths.bundle}`),
    });
  };
}

async function read(path: string, part: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw bad("PEM files", part, `the file ${path} cannot be read`, cause);
  }
}

const block = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

function certificates(text: string, part: string): X509Certificate[] {
  const blocks = text.match(block);
  if (!blocks) throw bad("PEM files", part, "it has no PEM block CERTIFICATE");
  try {
    return blocks.map((pem) => new X509Certificate(pem));
  } catch (cause) {
    throw bad("PEM files", part, "a certificate in it does not parse", cause);
  }
}

function privateKey(text: string, part: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch (cause) {
    throw bad("PEM files", part, "it is no unencrypted private key in PEM", cause);
  }
}
