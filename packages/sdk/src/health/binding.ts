import { Health, HealthCheckResponse_ServingStatus as Status } from "@nsmkit/api/health";
import { type Clock, CodedError, systemClock } from "@nsmkit/core";
import { bindService, type ServiceBinding } from "../transport/index.ts";

/** How soon a watcher hears of a change, ms. */
const watchIntervalMs = 1_000;

/**
 * The gRPC health service for probes: every named service, and "" for the whole server, has one state.
 * Rules: grpc/grpc doc/health-checking.md.
 * @param services full names, such as `networkservice.NetworkService`
 * @param options.isServing asked at every check; default: always
 */
export function healthBinding(
  services: readonly string[],
  options: { readonly isServing?: () => boolean; readonly clock?: Clock } = {},
): ServiceBinding {
  const { isServing = () => true, clock = systemClock } = options;
  const known = new Set(["", ...services]);
  const statusOf = (service: string): Status => {
    if (!known.has(service)) throw new CodedError("NOT_FOUND", `service "${service}" is not served here`);
    return isServing() ? Status.SERVING : Status.NOT_SERVING;
  };
  return bindService(Health, {
    check: async ({ service }) => ({ status: statusOf(service) }),
    list: async () => ({
      statuses: Object.fromEntries([...known].map((service) => [service, { status: statusOf(service) }])),
    }),
    async *watch({ service }, { signal }) {
      let told: Status | undefined;
      while (!signal.aborted) {
        // An unknown service may appear later, says the protocol; it is no error here.
        const status = known.has(service) ? statusOf(service) : Status.SERVICE_UNKNOWN;
        if (status !== told) yield { status };
        told = status;
        await clock.sleep(watchIntervalMs, { signal }).catch(() => {});
      }
    },
  });
}
