// CNFConfigurations as items, for agents, controllers and tools. Loads neither scheduler nor VPP models.
export { isObject } from "../northbound/files/object.ts";
export { findTwins } from "../northbound/files/twins.ts";
export { type BlockPlace, readYaml, type YamlDocument, type YamlPath } from "../northbound/files/yaml.ts";
export { type ItemProblem, Problems } from "../northbound/problems.ts";
export {
  cnfConfigurationDefinition,
  cnfConfigurationDefinitionName,
  cnfConfigurationGroup,
  cnfConfigurationResource,
  cnfConfigurationVersion,
} from "./definition.ts";
export {
  type Declared,
  type DeclaredPair,
  type DeclaredProblem,
  isSameValue,
  type PairOptions,
  readPairs,
} from "./pairs.ts";
export {
  type CnfConfiguration,
  type ConfigurationContext,
  type ConfiguredItem,
  type IndexedItem,
  isCnfConfiguration,
  readConfiguration,
  readItems,
  type UnreadItem,
} from "./read.ts";
export {
  type AgentPresence,
  type CnfConfigurationStatus,
  type Condition,
  type ConditionType,
  computeStatus,
  conditionOf,
  type ItemState,
  type ItemStatus,
  isSameStatus,
  type Progress,
  type ReportedStates,
  type StatusInput,
} from "./status/index.ts";
export { storedKey, storedValue } from "./stored.ts";
export { noUnknownModels, readUnknownModels, type UnknownModels, unknownModelsAnnotation } from "./unknown-models.ts";
