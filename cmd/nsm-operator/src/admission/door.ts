import { type Clock, type Logger, messageOf } from "@nsmkit/core";
import { type Client, findDrift, type UnknownObject } from "@nsmkit/kube";
import { issue } from "../certificates/issue.ts";
import { decodeSecret } from "../certificates/keeper.ts";
import { kindNamed, kindOf } from "../inventory/kinds.ts";
import { fieldManager } from "../mesh/marks.ts";
import { type AdmissionPlace, admissionObjects, dnsNamesOf, secretOf, serviceName } from "./configuration.ts";
import type { AdmissionServer } from "./server.ts";

export interface DoorOptions {
  readonly client: Client;
  readonly server: AdmissionServer;
  readonly place: AdmissionPlace;
  /** Only the leader writes; the others take the certificate that it made. */
  readonly leads: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How often everything is looked at: certificates last long, and without this webhook the policy and the reconciler remain. */
const lookMs = 600_000;
const soonMs = 5_000;

/** Keeps the certificate of the admission server good, and the API server told of it. */
export class AdmissionDoor {
  readonly #options: DoorOptions;
  #served = "";
  #waiting = new AbortController();

  constructor(options: DoorOptions) {
    this.#options = options;
  }

  /** Runs until the signal is cancelled. */
  async run({ signal }: { signal: AbortSignal }): Promise<void> {
    const { clock, logger } = this.#options;
    while (!signal.aborted) {
      let delayMs = lookMs;
      try {
        if (!(await this.look({ signal }))) delayMs = soonMs;
      } catch (error) {
        if (signal.aborted) return;
        logger.warn("the admission webhook cannot be kept, NSM resources are only checked after they are stored", {
          reason: messageOf(error),
        });
        delayMs = soonMs * 6;
      }
      const waiting = AbortSignal.any([signal, this.#waiting.signal]);
      await clock.sleep(delayMs, { signal: waiting }).catch(() => {});
    }
  }

  /** Looks at once: this process leads now. */
  wake(): void {
    this.#waiting.abort();
    this.#waiting = new AbortController();
  }

  /** @returns whether a certificate is served */
  async look({ signal }: { signal: AbortSignal }): Promise<boolean> {
    const { client, place, leads, clock, server } = this.#options;
    const name = `${serviceName(place)}-cert`;
    const secrets = kindNamed("Secret");
    const read = async (secret: string): Promise<UnknownObject | undefined> =>
      client.find<UnknownObject>(secrets, { namespace: place.namespace, name: secret }, { signal });
    const [authority, serving] = [await read(`${name}-ca`), await read(name)];
    if (!leads()) {
      if (!serving) return false;
      const data = decodeSecret(serving);
      this.#use(server, { ca: data["ca.crt"] ?? "", certificate: data["tls.crt"] ?? "", key: data["tls.key"] ?? "" });
      return true;
    }
    const present = {
      ...(authority ? { authority: decodeSecret(authority) } : {}),
      ...(serving ? { serving: decodeSecret(serving) } : {}),
    };
    const request = { commonName: serviceName(place), dnsNames: dnsNamesOf(place) };
    const issued = await issue(present, request, clock.now());
    const { ca, certificate, key } = issued.serving;
    const wanted = [
      secretOf(place, `${name}-ca`, "Opaque", issued.authority),
      secretOf(place, name, "kubernetes.io/tls", { "ca.crt": ca, "tls.crt": certificate, "tls.key": key }),
    ];
    for (const object of wanted) await this.#ensure(object, signal);
    this.#use(server, issued.serving);
    // Last: the API server asks as soon as it knows.
    for (const object of admissionObjects(place, issued.serving)) await this.#ensure(object, signal);
    return true;
  }

  #use(server: AdmissionServer, certificate: { ca: string; certificate: string; key: string }): void {
    if (this.#served === certificate.certificate) return;
    server.use(certificate);
    this.#served = certificate.certificate;
  }

  async #ensure(object: UnknownObject, signal: AbortSignal): Promise<void> {
    const { client, logger } = this.#options;
    const { name = "", namespace } = object.metadata;
    const at = namespace === undefined ? { name } : { name, namespace };
    const live = await client.find<UnknownObject>(kindOf(object), at, { signal });
    if (live && findDrift(object, live, fieldManager) === undefined) return;
    await client.apply<UnknownObject>(kindOf(object), object, { fieldManager, signal });
    logger.info("admission object applied", { object: `${object.kind} ${name}` });
  }
}
