// The configuration models of Ligato and cnf.nsm: which message lies under which key, and its strict JSON form.
export {
  ALLOC_PREFIX,
  addressText,
  INVALID_KEY_PART,
  ip,
  ipnet,
  type ParsedAddress,
  parseAddress,
  protoip,
} from "./address.ts";
export { checkMessage, type Problem } from "./check.ts";
export { modelDetail, packItem, type UnpackedItem, unpackItem } from "./item.ts";
export { keyOf, keyOfName } from "./key.ts";
export {
  knownModels,
  linuxArpModel,
  linuxInterfaceModel,
  linuxRouteModel,
  linuxRuleChainModel,
  netallocIpModel,
  nsmClientModel,
  nsmEndpointModel,
} from "./known.ts";
export { defineModel, type Model, type ModelSpec, type Naming } from "./model.ts";
export { createModelRegistry, type ModelRegistry } from "./registry.ts";
export { formatValue, type ParseOptions, parseValue } from "./value.ts";
