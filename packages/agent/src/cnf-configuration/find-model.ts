import type { Model, ModelRegistry } from "@nsmkit/api/model";

type Fail = (text: string, below?: string[]) => void;

/** The model that an item names; a given version must be the model's. What is wrong goes to `fail`. */
export function findModel(
  item: Readonly<Record<string, unknown>>,
  context: { readonly models: ModelRegistry; readonly label?: string },
  fail: Fail,
): Model | undefined {
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
  // Metrics are not declared.
  if (model?.spec.class !== "config") {
    const what = `the model ${module.slice(0, 60)} ${type.slice(0, 60)} is unknown`;
    const known = context.models.models.filter(({ spec }) => spec.class === "config");
    fail(
      context.label === undefined ? `${what}; ${remedy(module, known)}` : `${what} here; ${agentRemedy(module, known)}`,
      ["module"],
    );
    return undefined;
  }
  // The CRD's form writes an absent version as "".
  if (version && version !== model.spec.version) {
    fail(
      `version is ${JSON.stringify(version.slice(0, 60))}, ${module} ${type} has ${model.spec.version}; write that or leave it out`,
      ["version"],
    );
    return undefined;
  }
  return model;
}

function remedy(module: string, known: readonly Model[]): string {
  const types = known.filter(({ spec }) => spec.module === module).map(({ spec }) => spec.type);
  if (types.length > 0) return `${module} has the types ${types.join(", ")}`;
  return `the modules are ${[...new Set(known.map(({ spec }) => spec.module))].join(", ")}`;
}

function agentRemedy(module: string, known: readonly Model[]): string {
  const hint = module.startsWith("vpp") ? "; VPP models need nsm-agent-vpp" : "";
  return `this agent knows ${known.map(({ spec }) => `${spec.module} ${spec.type}`).join(", ")}${hint}`;
}
