// CNFConfigurations as items, for agents, controllers and tools. Loads neither scheduler nor VPP models.
export { isObject } from "../northbound/files/object.ts";
export { findTwins } from "../northbound/files/twins.ts";
export { type BlockPlace, readYaml, type YamlDocument, type YamlPath } from "../northbound/files/yaml.ts";
export { type ItemProblem, Problems } from "../northbound/problems.ts";
export {
  type CnfConfiguration,
  type ConfigurationContext,
  type ConfiguredItem,
  isCnfConfiguration,
  readConfiguration,
} from "./read.ts";
export { storedKey, storedValue } from "./stored.ts";
