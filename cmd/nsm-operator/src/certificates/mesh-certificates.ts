import { type Clock, systemClock } from "@nsmkit/core";
import type { UnknownObject } from "@nsmkit/kube";
import { decodeSecret, encodeSecret, issue, type SecretData } from "@nsmkit/kube/certificates";
import type { Inventory } from "../inventory/inventory.ts";
import type { Certificate, CertificateRequest, Certificates } from "../mesh/port.ts";
import type { Pass } from "../reconcile/context.ts";

export interface Provided {
  /** By "namespace/name" of their Secret. */
  readonly certificates: Certificates;
  /** Secrets of the authorities, which the mesh consists of beside what its builders make; to be in place first. */
  readonly authorities: readonly UnknownObject[];
  /** Until the first of them is to be renewed, ms. */
  readonly renewInMs: number;
}

/** However long a certificate lasts, it is looked at once a day. */
const longestMs = 86_400_000;

/** Provides the serving certificates of a mesh; all its memory is in Secrets. */
export class MeshCertificates {
  readonly #inventory: Inventory;
  readonly #clock: Clock;

  constructor(options: { inventory: Inventory; clock?: Clock }) {
    this.#inventory = options.inventory;
    this.#clock = options.clock ?? systemClock;
  }

  /** Reads what there is and issues what is missing; writes nothing. */
  async provide(pass: Pick<Pass, "signal">, requests: readonly CertificateRequest[]): Promise<Provided> {
    const certificates = new Map<string, Certificate>();
    const authorities: UnknownObject[] = [];
    let renewInMs = longestMs;
    for (const request of requests) {
      const { namespace, name } = request.secret;
      const authoritySecret = secretObject(namespace, `${name}-ca`);
      for (const secret of [authoritySecret, secretObject(namespace, name)]) await this.#inventory.cover(secret, pass);
      const present = {
        ...readSecret("authority", this.#inventory.find(authoritySecret)),
        ...readSecret("serving", this.#inventory.find(secretObject(namespace, name))),
      };
      const issued = await issue(present, request, this.#clock.now());
      authorities.push({ ...authoritySecret, type: "Opaque", data: encodeSecret(issued.authority) });
      certificates.set(`${namespace}/${name}`, issued.serving);
      renewInMs = Math.min(renewInMs, Math.max(1000, issued.renewAtMs - this.#clock.now()));
    }
    return { certificates, authorities, renewInMs };
  }
}

const secretObject = (namespace: string, name: string): UnknownObject => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { namespace, name },
});

function readSecret<K extends string>(key: K, secret: UnknownObject | undefined): { readonly [P in K]?: SecretData } {
  return secret ? ({ [key]: decodeSecret(secret) } as { [P in K]: SecretData }) : {};
}
