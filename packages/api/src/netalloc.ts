// Addresses by reference: package ligato.netalloc.
export type {
  ConfigData,
  IPAllocation,
} from "./gen/ligato/netalloc/netalloc_pb.js";
export {
  ConfigDataSchema,
  IPAddressForm,
  IPAddressFormSchema,
  IPAddressSource,
  IPAddressSourceSchema,
  IPAllocationSchema,
} from "./gen/ligato/netalloc/netalloc_pb.js";
