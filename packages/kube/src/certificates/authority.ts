/** Certificates of our own making: an authority in a Secret, and serving certificates that it signs. */
import "reflect-metadata";
import { createPrivateKey, randomBytes, webcrypto, X509Certificate } from "node:crypto";
import {
  X509Certificate as AuthorityCertificate,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const serverAuth = "1.3.6.1.5.5.7.3.1";
const dayMs = 86_400_000;
export const authorityLifeMs = 3650 * dayMs;
export const servingLifeMs = 365 * dayMs;
/** Clocks of nodes differ. */
const backdatedMs = 60 * 60_000;

/** PEM: a certificate and its PKCS #8 key. */
export interface Pair {
  readonly certificate: string;
  readonly key: string;
}

type Keys = { readonly publicKey: webcrypto.CryptoKey; readonly privateKey: webcrypto.CryptoKey };

async function makeKeys(): Promise<Keys> {
  return webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
}

async function pemOf({ privateKey }: Keys): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", privateKey));
  return `-----BEGIN PRIVATE KEY-----\n${(der.toString("base64").match(/.{1,64}/g) ?? []).join("\n")}\n-----END PRIVATE KEY-----\n`;
}

/** Positive, 127 bits (RFC 5280, 4.1.2.2). */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString("hex");
}

const pem = (certificate: { toString(format: "pem"): string }): string => `${certificate.toString("pem").trim()}\n`;

/** A new authority, valid for ten years. */
export async function makeAuthority(commonName: string, nowMs: number): Promise<Pair> {
  const keys = await makeKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ CN: [commonName] }, { O: ["nsmkit"] }],
    notBefore: new Date(nowMs - backdatedMs),
    notAfter: new Date(nowMs + authorityLifeMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  return { certificate: pem(certificate), key: await pemOf(keys) };
}

/** A serving certificate for the names, valid for a year. */
export async function makeServing(authority: Pair, dnsNames: readonly string[], nowMs: number): Promise<Pair> {
  const keys = await makeKeys();
  const signer = createPrivateKey(authority.key).export({ type: "pkcs8", format: "der" });
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: [{ CN: [(dnsNames[0] ?? "webhook").slice(0, 64)] }],
    issuer: new AuthorityCertificate(authority.certificate).subject,
    notBefore: new Date(nowMs - backdatedMs),
    notAfter: new Date(nowMs + servingLifeMs),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey: await webcrypto.subtle.importKey("pkcs8", signer, algorithm, false, ["sign"]),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([serverAuth]),
      new SubjectAlternativeNameExtension(dnsNames.map((value) => ({ type: "dns", value }))),
    ],
  });
  return { certificate: pem(certificate), key: await pemOf(keys) };
}

/** When a certificate shall be replaced: after two thirds of its life. Ms since the epoch; undefined if it is unreadable. */
export function renewAtMs(certificate: string): number | undefined {
  try {
    const { validFromDate, validToDate } = new X509Certificate(certificate);
    const from = validFromDate.getTime();
    return from + ((validToDate.getTime() - from) * 2) / 3;
  } catch {
    return undefined;
  }
}

/** Whether the pair belongs together, the authority signed it, it is for these names and needs no renewal yet. */
export function isServing(pair: Pair, authority: string, dnsNames: readonly string[], nowMs: number): boolean {
  try {
    const certificate = new X509Certificate(pair.certificate);
    const issuer = new X509Certificate(authority);
    return (
      certificate.checkPrivateKey(createPrivateKey(pair.key)) &&
      certificate.verify(issuer.publicKey) &&
      dnsNames.every((name) => certificate.checkHost(name) !== undefined) &&
      (renewAtMs(pair.certificate) ?? 0) > nowMs
    );
  } catch {
    return false;
  }
}

/** Whether the pair is an authority that can sign and needs no renewal yet. */
export function isAuthority(pair: Pair, nowMs: number): boolean {
  try {
    const certificate = new X509Certificate(pair.certificate);
    const own = certificate.checkPrivateKey(createPrivateKey(pair.key));
    return own && certificate.ca && (renewAtMs(pair.certificate) ?? 0) > nowMs;
  } catch {
    return false;
  }
}
