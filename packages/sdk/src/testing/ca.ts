import "reflect-metadata";
import { createPrivateKey, type KeyObject, webcrypto, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { makeSvid, type Svid, type SvidSource } from "../identity/svid.ts";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const serverAndClient = ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"];
let serial = 1;

export interface IssueOptions {
  /** Path of the SPIFFE id, with its "/". */
  readonly path: string;
  /** Validity from now, ms; default one hour. Negative: ended already. */
  readonly lifeMs?: number;
  /** Other URI names than the SPIFFE id, for certificates that must be refused. */
  readonly uris?: readonly string[];
  /** Host names and addresses beside them, for servers outside the mesh. */
  readonly hosts?: readonly string[];
  /** Curve of the key; default P-256, the only one that tokens can be signed with. */
  readonly namedCurve?: "P-256" | "P-384";
  readonly ca?: boolean;
}

/** A certificate with its key, not yet checked for being an identity. */
export interface Issued {
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
}

/** A certificate authority of one trust domain for tests. */
export interface TestCa {
  readonly trustDomain: string;
  readonly root: X509Certificate;
  issue(options: IssueOptions): Promise<Issued>;
  /** An identity as a SPIFFE agent would hand it out. */
  svid(options: IssueOptions, federated?: readonly TestCa[]): Promise<Svid>;
  /** A source that gives one identity and no other. */
  source(options: IssueOptions, federated?: readonly TestCa[]): SvidSource;
}

export async function createTestCa(options: { trustDomain?: string } = {}): Promise<TestCa> {
  const { trustDomain = "test.nsmkit" } = options;
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const name = `CN=${trustDomain}`;
  const now = Date.now();
  const self = await X509CertificateGenerator.createSelfSigned({
    serialNumber: nextSerial(),
    name,
    notBefore: new Date(now - 86_400_000),
    notAfter: new Date(now + 86_400_000),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  const root = new X509Certificate(Buffer.from(self.rawData));

  const issue = async (wanted: IssueOptions): Promise<Issued> => {
    const {
      path,
      lifeMs = 3_600_000,
      uris = [`spiffe://${trustDomain}${path}`],
      hosts = [],
      namedCurve = "P-256",
      ca = false,
    } = wanted;
    const leafAlgorithm = { ...algorithm, namedCurve };
    const leafKeys = await webcrypto.subtle.generateKey(leafAlgorithm, true, ["sign", "verify"]);
    const names = [
      ...uris.map((value) => ({ type: "url" as const, value })),
      ...hosts.map((value) => ({ type: isIP(value) ? ("ip" as const) : ("dns" as const), value })),
    ];
    const certificate = await X509CertificateGenerator.create({
      serialNumber: nextSerial(),
      subject: `CN=${path.slice(1).replaceAll("/", "-")}`,
      issuer: name,
      notBefore: new Date(Date.now() - 86_400_000 / 2),
      notAfter: new Date(Date.now() + lifeMs),
      signingKey: keys.privateKey,
      publicKey: leafKeys.publicKey,
      signingAlgorithm: algorithm,
      extensions: [
        new BasicConstraintsExtension(ca, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature | (ca ? KeyUsageFlags.keyCertSign : 0), true),
        new ExtendedKeyUsageExtension(serverAndClient, false),
        ...(names.length > 0 ? [new SubjectAlternativeNameExtension(names, false)] : []),
      ],
    });
    const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", leafKeys.privateKey));
    return {
      certificate: new X509Certificate(Buffer.from(certificate.rawData)),
      key: createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" }),
    };
  };

  const svid = async (wanted: IssueOptions, federated: readonly TestCa[] = []): Promise<Svid> => {
    const { certificate, key } = await issue(wanted);
    return makeSvid("the test CA", {
      chain: [certificate],
      privateKey: key,
      bundle: [root],
      federated: new Map(federated.map((other) => [other.trustDomain, [other.root]])),
    });
  };

  const source = (wanted: IssueOptions, federated: readonly TestCa[] = []): SvidSource =>
    async function* () {
      yield await svid(wanted, federated);
    };

  return { trustDomain, root, issue, svid, source };
}

const nextSerial = (): string => (serial++).toString(16).padStart(2, "0");
