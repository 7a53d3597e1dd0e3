// Documents in YAML or JSON, in every form that an agent accepts: for agents and for tools. Loads no scheduler.
export { type Declaration, type ReadOptions, readDeclaration } from "./document.ts";
export { formatLigatoConfig, groupOf, type LigatoConfig, namesOf } from "./ligato-config.ts";
export {
  type BlockPlace,
  readYaml,
  unfoldList,
  type YamlDocument,
  type YamlOptions,
  type YamlPath,
} from "./yaml.ts";
