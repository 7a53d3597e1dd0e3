import { constants } from "node:crypto";
import { createSecureContext, type DetailedPeerCertificate, type SecureContext } from "node:tls";
import { CodedError } from "@nsmkit/core";
import { parseSpiffeId, spiffeIdOf } from "./spiffeid.ts";
import type { Svid } from "./svid.ts";

/** Certificate, key and roots in the form that TLS takes. */
export function secureContextOf(svid: Svid): SecureContext {
  const roots = [...svid.bundles.values()].flat();
  return createSecureContext({
    cert: svid.chain.map((certificate) => certificate.toString()).join(""),
    key: svid.privateKey.export({ type: "pkcs8", format: "pem" }),
    ca: roots.map((certificate) => certificate.toString()),
    minVersion: "TLSv1.2",
    // A bundle may hold an intermediate as its root.
    allowPartialTrustChain: true,
    // A resumed session would bring back a certificate from before a rotation.
    secureOptions: constants.SSL_OP_NO_TICKET,
  });
}

/**
 * Checks what TLS does not know of: that the leaf is an X.509-SVID, and that its own trust domain's roots signed it, not
 * those of a federated one.
 * @param leaf of a chain that TLS verified, with its issuers
 * @throws UNAUTHENTICATED
 */
export function verifyPeer(leaf: DetailedPeerCertificate, svid: Svid): { spiffeId: string } {
  const spiffeId = spiffeIdOf(leaf.subjectaltname);
  if (leaf.ca) throw new CodedError("UNAUTHENTICATED", `the certificate of ${spiffeId} is a CA's`);
  const { trustDomain, path } = parseSpiffeId(spiffeId);
  if (path === "") throw new CodedError("UNAUTHENTICATED", `the certificate names no workload of ${trustDomain}`);
  const roots = svid.bundles.get(trustDomain);
  if (!roots) {
    throw new CodedError("UNAUTHENTICATED", `${spiffeId} is of a trust domain that ${svid.spiffeId} knows no roots of`);
  }
  const trusted = new Set(roots.map((root) => root.fingerprint256));
  // The root points to itself; a partial chain ends where nothing is known of the issuer.
  for (let at: DetailedPeerCertificate | undefined = leaf; at; ) {
    if (trusted.has(at.fingerprint256)) return { spiffeId };
    const issuer: DetailedPeerCertificate | undefined = at.issuerCertificate;
    at = issuer === at ? undefined : issuer;
  }
  throw new CodedError(
    "UNAUTHENTICATED",
    `the certificate of ${spiffeId} was not issued by the roots of ${trustDomain}`,
  );
}
