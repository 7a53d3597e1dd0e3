import type { MessageInitShape } from "@bufbuild/protobuf";
import type { NetworkServiceEndpointSchema, NetworkServiceSchema } from "@nsmkit/api/registry";
import type { EndpointBehaviour, OfferedService } from "./api.ts";

/** What an endpoint registers, and the services that it registers before. */
export function registrationOf(
  { name, services }: EndpointBehaviour,
  url: string,
): {
  readonly entry: MessageInitShape<typeof NetworkServiceEndpointSchema>;
  readonly services: readonly MessageInitShape<typeof NetworkServiceSchema>[];
} {
  const offered = services.map(
    (service): OfferedService => (typeof service === "string" ? { name: service } : service),
  );
  const labels = offered.map((service) => [service.name, { labels: { ...service.labels } }] as const);
  return {
    entry: {
      name,
      url,
      networkServiceNames: offered.map((service) => service.name),
      networkServiceLabels: Object.fromEntries(labels),
    },
    services: offered.flatMap(({ name: service, register = {} }) =>
      register === false
        ? []
        : [{ name: service, payload: register.payload ?? "ETHERNET", matches: [...(register.matches ?? [])] }],
    ),
  };
}
