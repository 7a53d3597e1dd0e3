import { type KeyObject, X509Certificate } from "node:crypto";
import { CodedError } from "@nsmkit/core";
import { parseSpiffeId, spiffeIdOf } from "./spiffeid.ts";

/** An X.509 identity with the roots by which it knows others. */
export interface Svid {
  readonly spiffeId: string;
  /** Leaf first, then intermediates. */
  readonly chain: readonly [X509Certificate, ...X509Certificate[]];
  /** EC P-256. */
  readonly privateKey: KeyObject;
  /** Roots by trust domain: our own and those of federated domains. */
  readonly bundles: ReadonlyMap<string, readonly X509Certificate[]>;
}

/** Identities of one workload over time: the first at once, the next after each rotation. Ends when it never changes again. */
export type SvidSource = (options: { signal: AbortSignal }) => AsyncIterable<Svid>;

/** End of a certificate's validity, wall-clock ms. */
export const notAfterMs = (certificate: X509Certificate): number => certificate.validToDate.getTime();

/**
 * Checks the parts of an identity against each other.
 * @param source where they came from, for the message
 * @throws INVALID_CONFIG naming source, part and what is wrong with it
 */
export function makeSvid(
  source: string,
  parts: {
    chain: readonly X509Certificate[];
    privateKey: KeyObject;
    bundle: readonly X509Certificate[];
    federated?: ReadonlyMap<string, readonly X509Certificate[]>;
  },
): Svid {
  const [leaf, ...intermediates] = parts.chain;
  if (!leaf) throw bad(source, "certificate", "there is none");
  if (leaf.ca) throw bad(source, "certificate", "the first one is a CA; the leaf must come first");
  if (parts.privateKey.asymmetricKeyDetails?.namedCurve !== "prime256v1") {
    throw bad(source, "key", "it is not EC P-256, and tokens are signed ES256; have the issuer use ec-p256 keys");
  }
  if (!leaf.checkPrivateKey(parts.privateKey)) throw bad(source, "key", "it does not belong to the certificate");
  if (parts.bundle.length === 0) throw bad(source, "bundle", "it has no certificate");
  let spiffeId: string;
  try {
    spiffeId = spiffeIdOf(leaf.subjectAltName);
  } catch (cause) {
    throw bad(source, "certificate", "it names no SPIFFE id", cause);
  }
  const bundles = new Map(parts.federated);
  bundles.set(parseSpiffeId(spiffeId).trustDomain, parts.bundle);
  return { spiffeId, chain: [leaf, ...intermediates], privateKey: parts.privateKey, bundles };
}

export function bad(source: string, part: string, why: string, cause?: unknown): CodedError {
  return new CodedError("INVALID_CONFIG", `identity from ${source}, ${part}: ${why}`, {
    ...(cause === undefined ? {} : { cause }),
    details: { source, part },
  });
}

/** Cuts certificates in DER that stand one after the other. @throws an Error for what is no certificate */
export function splitDer(bytes: Uint8Array): X509Certificate[] {
  const certificates: X509Certificate[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = derLength(bytes, at);
    if (at + length > bytes.length) throw new Error("a certificate is cut off");
    certificates.push(new X509Certificate(Buffer.from(bytes.subarray(at, at + length))));
    at += length;
  }
  return certificates;
}

/** Bytes of the SEQUENCE that begins at `at`, X.690 section 8.1. */
function derLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at + 1];
  if (bytes[at] !== 0x30 || first === undefined) throw new Error("no ASN.1 sequence where a certificate should be");
  if (first < 0x80) return first + 2;
  const count = first & 0x7f;
  if (count === 0 || count > 4) throw new Error("a certificate has an impossible length");
  let length = 0;
  for (let n = 0; n < count; n++) length = length * 256 + (bytes[at + 2 + n] ?? 0);
  return length + 2 + count;
}
