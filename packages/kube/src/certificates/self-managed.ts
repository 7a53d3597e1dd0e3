import { type Clock, CodedError, isCodedError, systemClock } from "@nsmkit/core";
import type { Client } from "../client/client.ts";
import type { Resource, UnknownObject } from "../object.ts";
import { issue, type SecretData, type ServingCertificate } from "./issue.ts";
import { decodeSecret, encodeSecret } from "./secret.ts";
import type { CertificateSource } from "./source.ts";

const secrets: Resource = { group: "", version: "v1", kind: "Secret", plural: "secrets", namespaced: true };

export interface SelfManagedOptions {
  /** Needs get, create and patch of the two Secrets. */
  readonly client: Pick<Client, "find" | "create" | "mergePatch">;
  readonly namespace: string;
  /** Of the Secret (kubernetes.io/tls) with the serving certificate; the authority's is `<name>-ca`. */
  readonly name: string;
  /** Names that clients call the server by; the first of them is the certificate's subject. */
  readonly dnsNames: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  /** Who owns the written fields. */
  readonly fieldManager?: string;
  /** Whether this process may write; default always. One that may not takes what another one made. */
  readonly writes?: () => boolean;
  readonly clock?: Clock;
}

/** Certificates last long and are renewed after two thirds of their life. */
const selfManagedLookMs = 600_000;
/** Others may write the same Secrets at the same time: each try starts from what they left. */
const tries = 5;

/**
 * A serving certificate signed by an authority of our own, both kept in Secrets: after a restart, and in every replica,
 * it is the same one. Several replicas may start at once; the first to write wins and the others take its work.
 */
export class SelfManagedCertificate implements CertificateSource {
  readonly lookMs = selfManagedLookMs;
  readonly #options: SelfManagedOptions;
  readonly #clock: Clock;

  constructor(options: SelfManagedOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** @returns undefined when this process may not write and nobody else has yet @throws what the API server answers */
  async read({ signal }: { signal: AbortSignal }): Promise<ServingCertificate | undefined> {
    const { name, dnsNames, writes = () => true } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const [authority, serving] = await Promise.all([this.#find(`${name}-ca`, signal), this.#find(name, signal)]);
      if (!writes()) return serving && servingOf(decodeSecret(serving));
      const present = {
        ...(authority ? { authority: decodeSecret(authority) } : {}),
        ...(serving ? { serving: decodeSecret(serving) } : {}),
      };
      const request = { commonName: dnsNames[0] ?? name, dnsNames };
      const issued = await issue(present, request, this.#clock.now());
      const { ca, certificate, key } = issued.serving;
      try {
        // The authority first: who finds a certificate must find who signed it.
        await this.#keep(`${name}-ca`, "Opaque", issued.authority, authority, signal);
        const data = { "ca.crt": ca, "tls.crt": certificate, "tls.key": key };
        await this.#keep(name, "kubernetes.io/tls", data, serving, signal);
        return issued.serving;
      } catch (error) {
        const outrun = isCodedError(error, "CONFLICT") || isCodedError(error, "ALREADY_EXISTS");
        if (!outrun || attempt >= tries) throw error;
      }
    }
  }

  #find(name: string, signal: AbortSignal): Promise<UnknownObject | undefined> {
    return this.#options.client.find(secrets, { namespace: this.#options.namespace, name }, { signal });
  }

  /** Writes only what differs, and only onto the state that was read. */
  async #keep(
    name: string,
    type: string,
    data: SecretData,
    live: UnknownObject | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { client, namespace, labels = {}, fieldManager } = this.#options;
    if (!live) {
      const metadata = { namespace, name, labels };
      const secret = { apiVersion: "v1", kind: "Secret", metadata, type, data: encodeSecret(data) };
      await client.create<UnknownObject>(secrets, secret, { signal });
      return;
    }
    if (live.metadata.deletionTimestamp !== undefined) {
      throw new CodedError("CONFLICT", `Secret ${namespace}/${name} is being deleted`, { retryable: true });
    }
    const before = decodeSecret(live);
    const same =
      Object.keys({ ...before, ...data }).every((key) => before[key] === data[key]) &&
      Object.entries(labels).every(([key, value]) => live.metadata.labels?.[key] === value);
    if (same) return;
    const gone = Object.fromEntries(Object.keys(before).map((key) => [key, null]));
    const { resourceVersion } = live.metadata;
    const patch = { metadata: { resourceVersion, labels }, data: { ...gone, ...encodeSecret(data) } };
    const options = fieldManager === undefined ? { signal } : { signal, fieldManager };
    await client.mergePatch(secrets, { namespace, name }, patch, options);
  }
}

const servingOf = (data: SecretData): ServingCertificate => ({
  ca: data["ca.crt"] ?? "",
  certificate: data["tls.crt"] ?? "",
  key: data["tls.key"] ?? "",
});
