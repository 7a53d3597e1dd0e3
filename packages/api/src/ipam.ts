// The NSM v1 prefix allocation API: package ipam.
export type {
  PrefixRequest,
  PrefixResponse,
} from "./gen/ipam_pb.js";
export {
  IPAM,
  PrefixRequestSchema,
  PrefixResponseSchema,
  Type,
  TypeSchema,
} from "./gen/ipam_pb.js";
