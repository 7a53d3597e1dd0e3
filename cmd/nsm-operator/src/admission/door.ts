import type { Clock, Logger } from "@nsmkit/core";
import { type Client, findDrift, type KubeMetrics, type UnknownObject } from "@nsmkit/kube";
import type { AdmissionServer } from "@nsmkit/kube/admission";
import { CertificateKeeper, SelfManagedCertificate } from "@nsmkit/kube/certificates";
import { kindOf } from "../inventory/kinds.ts";
import { fieldManager } from "../mesh/marks.ts";
import { type AdmissionPlace, admissionObjects, dnsNamesOf, labelsOf, serviceName } from "./configuration.ts";

export interface DoorOptions {
  readonly client: Client;
  readonly server: AdmissionServer;
  readonly place: AdmissionPlace;
  /** Only the leader writes; the others take the certificate that it made. */
  readonly leads: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics?: KubeMetrics;
}

/** Keeps the certificate of the admission server good, and the API server told of it. */
export function admissionDoor(options: DoorOptions): CertificateKeeper {
  const { client, server, place, leads, clock, logger, metrics } = options;
  const ensure = async (object: UnknownObject, signal: AbortSignal): Promise<void> => {
    const { name = "", namespace } = object.metadata;
    const at = namespace === undefined ? { name } : { name, namespace };
    const live = await client.find<UnknownObject>(kindOf(object), at, { signal });
    if (live && findDrift(object, live, fieldManager) === undefined) return;
    await client.apply<UnknownObject>(kindOf(object), object, { fieldManager, signal });
    logger.info("admission object applied", { object: `${object.kind} ${name}` });
  };
  return new CertificateKeeper({
    source: new SelfManagedCertificate({
      ...{ client, fieldManager, clock, writes: leads },
      namespace: place.namespace,
      name: `${serviceName(place)}-cert`,
      dnsNames: dnsNamesOf(place),
      labels: labelsOf(place),
    }),
    serve: (certificate) => server.use(certificate),
    publish: async (certificate, { signal }) => {
      if (!leads()) return;
      for (const object of admissionObjects(place, certificate)) await ensure(object, signal);
    },
    ...{ clock, logger },
    ...(metrics ? { metrics: metrics.webhooks } : {}),
  });
}
