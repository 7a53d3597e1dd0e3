import type { Model, ModelRegistry } from "@nsmkit/api/model";
import { nearestWord } from "./suggest.ts";
import { type UnknownModels, unknownModelsAnnotation } from "./unknown-models.ts";

type Fail = (text: string, below?: string[]) => void;

interface FindContext {
  readonly models: ModelRegistry;
  readonly label?: string;
  readonly unknownModels?: UnknownModels;
}

/** A model that nobody here knows: where its values go is known, what they are is not. */
export interface UnknownModel {
  readonly module: string;
  readonly version: string;
  readonly type: string;
}

/**
 * The model that an item names; a given version must be the model's. What is wrong goes to `fail`. A model that is not
 * known is one only where `unknownModels` says so.
 */
export function findModel(
  item: Readonly<Record<string, unknown>>,
  context: FindContext,
  fail: Fail,
): { readonly known: Model } | { readonly unknown: UnknownModel } | undefined {
  const { module, type, version } = item;
  if (typeof module !== "string" || typeof type !== "string") {
    fail('needs module and type, for example module "linux.interfaces", type "interface"');
    return undefined;
  }
  if (version !== undefined && typeof version !== "string") {
    fail("version is not text; write v1, v2 or leave it out", ["version"]);
    return undefined;
  }
  const model = context.models.modelOf(module, type);
  // The CRD's form writes an absent version as "". Metrics are not declared.
  const isKnown = model?.spec.class === "config";
  if (isKnown && (!version || version === model.spec.version)) return { known: model };
  if (context.unknownModels?.(module, type)) return unknownModel(module, version || "v1", type, fail);
  if (isKnown) {
    fail(
      `version is ${JSON.stringify(version?.slice(0, 60))}, ${module} ${type} has ${model.spec.version}; write that or leave it out`,
      ["version"],
    );
    return undefined;
  }
  const what = `the model ${module.slice(0, 60)} ${type.slice(0, 60)} is unknown`;
  const known = context.models.models.filter(({ spec }) => spec.class === "config");
  if (context.label !== undefined) fail(`${what} here; ${agentRemedy(module, known)}`, ["module"]);
  else fail(`${what}; ${remedy(module, type, known)}${optIn(module, type, context)}`, ["module"]);
  return undefined;
}

/** Its parts become parts of a key. */
function unknownModel(
  module: string,
  version: string,
  type: string,
  fail: Fail,
): { readonly unknown: UnknownModel } | undefined {
  const isWord = (text: string): boolean => /^[-a-z0-9_.]+$/.test(text) && !text.split(".").includes("");
  for (const [field, text] of Object.entries({ module, version, type })) {
    if (isWord(text)) continue;
    fail(`${field} is ${JSON.stringify(text.slice(0, 60))}; a model has lower-case letters, digits, dashes and dots`, [
      field,
    ]);
    return undefined;
  }
  return { unknown: { module, version, type } };
}

function remedy(module: string, type: string, known: readonly Model[]): string {
  const types = known.filter(({ spec }) => spec.module === module).map(({ spec }) => spec.type);
  if (types.length > 0) return `${module} has the types ${types.join(", ")}${meant(type, types)}`;
  const modules = [...new Set(known.map(({ spec }) => spec.module))];
  return `the modules are ${modules.join(", ")}${meant(module, modules)}`;
}

function meant(word: string, candidates: readonly string[]): string {
  const near = nearestWord(word, candidates);
  return near === undefined ? "" : `; did you mean ${near}?`;
}

function optIn(module: string, type: string, { unknownModels }: FindContext): string {
  if (!unknownModels) return "";
  return ` - for an agent that has models of its own annotate the resource with ${unknownModelsAnnotation}: ${module.slice(0, 60)}/${type.slice(0, 60)}`;
}

function agentRemedy(module: string, known: readonly Model[]): string {
  const hint = module.startsWith("vpp") ? "; VPP models need nsm-agent-vpp" : "";
  return `this agent knows ${known.map(({ spec }) => `${spec.module} ${spec.type}`).join(", ")}${hint}`;
}
