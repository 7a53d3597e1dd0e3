import { isAuthority, isServing, makeAuthority, makeServing, type Pair, renewAtMs } from "./authority.ts";

/** What a Secret holds, decoded. */
export type SecretData = Readonly<Record<string, string>>;

/** A serving certificate with what its clients must trust; PEM. */
export interface ServingCertificate {
  /** One authority or, during its change, two; "" when whoever made the certificate did not say. */
  readonly ca: string;
  readonly certificate: string;
  /** PKCS #8 or PKCS #1. */
  readonly key: string;
}

export interface Issued {
  /** The authority's Secret as it shall be; the same object when nothing changes. */
  readonly authority: SecretData;
  readonly serving: ServingCertificate;
  /** When it is to be issued again, ms since the epoch. */
  readonly renewAtMs: number;
}

/** Keys of the authority's Secret. The one before is trusted until what it signed has been replaced everywhere. */
export const authorityKeys = { certificate: "ca.crt", key: "ca.key", before: "previous.crt" } as const;

/**
 * A serving certificate: the present one while it is good, else a new one. The authority stays for years, so that a
 * renewed certificate needs no new caBundle; when the authority itself is replaced both are trusted for as long as the
 * old one lives.
 */
export async function issue(
  present: { readonly authority?: SecretData; readonly serving?: SecretData },
  request: { readonly commonName: string; readonly dnsNames: readonly string[] },
  nowMs: number,
): Promise<Issued> {
  const authority = await authorityOf(present.authority, request.commonName, nowMs);
  const ca: Pair = pairOf(authority, authorityKeys);
  const old = pairOf(present.serving, { certificate: "tls.crt", key: "tls.key" });
  const good = isServing(old, ca.certificate, request.dnsNames, nowMs);
  const serving = good ? old : await makeServing(ca, request.dnsNames, nowMs);
  const renewal = Math.min(renewAtMs(serving.certificate) ?? nowMs, renewAtMs(ca.certificate) ?? nowMs);
  const bundle = `${ca.certificate}${authority[authorityKeys.before] ?? ""}`;
  return { authority, serving: { ca: bundle, ...serving }, renewAtMs: renewal };
}

async function authorityOf(present: SecretData | undefined, commonName: string, nowMs: number): Promise<SecretData> {
  const pair = pairOf(present, authorityKeys);
  if (present && isAuthority(pair, nowMs)) return present;
  const made = await makeAuthority(`${commonName} authority`, nowMs);
  const data = { [authorityKeys.certificate]: made.certificate, [authorityKeys.key]: made.key };
  return renewAtMs(pair.certificate) === undefined ? data : { ...data, [authorityKeys.before]: pair.certificate };
}

function pairOf(data: SecretData | undefined, keys: { readonly certificate: string; readonly key: string }): Pair {
  return { certificate: data?.[keys.certificate] ?? "", key: data?.[keys.key] ?? "" };
}
