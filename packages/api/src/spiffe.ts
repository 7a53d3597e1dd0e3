// The SPIFFE Workload API, X.509 part: no package on the wire.
export type { X509SVID, X509SVIDRequest, X509SVIDResponse } from "./gen/spiffe/workload_pb.js";
export {
  SpiffeWorkloadAPI,
  X509SVIDRequestSchema,
  X509SVIDResponseSchema,
  X509SVIDSchema,
} from "./gen/spiffe/workload_pb.js";
