import type { Clock, Logger } from "@nsmkit/core";
import { type Client, findDrift, type KubeMetrics, type Resource, type UnknownObject } from "@nsmkit/kube";
import type { AdmissionServer } from "@nsmkit/kube/admission";
import { CertificateKeeper, SelfManagedCertificate } from "@nsmkit/kube/certificates";
import { fieldManager } from "../names.ts";
import { type AdmissionPlace, admissionObjects, dnsNamesOf, serviceName } from "./configuration.ts";

export interface DoorOptions {
  readonly client: Client;
  readonly server: AdmissionServer;
  readonly place: AdmissionPlace;
  /** Only the leader writes; the others take the certificate that it made. */
  readonly leads: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: KubeMetrics;
}

/** Keeps the certificate of the admission server good, and the API server told of it. */
export function admissionDoor(options: DoorOptions): CertificateKeeper {
  const { client, server, place, leads, clock, logger, metrics } = options;
  const ensure = async (resource: Resource, object: UnknownObject, signal: AbortSignal): Promise<void> => {
    const { name = "", namespace } = object.metadata;
    const at = namespace === undefined ? { name } : { name, namespace };
    const live = await client.find<UnknownObject>(resource, at, { signal });
    if (live && findDrift(object, live, fieldManager) === undefined) return;
    await client.apply<UnknownObject>(resource, object, { fieldManager, signal });
    logger.info("admission object applied", { object: `${object.kind} ${name}` });
  };
  return new CertificateKeeper({
    source: new SelfManagedCertificate({
      ...{ client, fieldManager, clock, writes: leads },
      namespace: place.namespace,
      name: `${serviceName}-cert`,
      dnsNames: dnsNamesOf(place),
      labels: { "app.kubernetes.io/name": "cnf-crd", "app.kubernetes.io/component": "admission" },
    }),
    serve: (certificate) => server.use(certificate),
    publish: async ({ ca }, { signal }) => {
      if (!leads()) return;
      for (const { resource, object } of admissionObjects(place, ca)) await ensure(resource, object, signal);
    },
    ...{ clock, logger, metrics: metrics.webhooks },
  });
}
