import { create } from "@bufbuild/protobuf";
import { KnownModelsRequestSchema, MetaService, type ModelDetail } from "@nsmkit/api/generic";
import type { Model } from "@nsmkit/api/model";
import { allModels } from "@nsmkit/api/model/vpp";
import { CodedError, isCodedError } from "@nsmkit/core";
import { isGrpcOff } from "../connection/grpc.ts";
import type { Session } from "../connection/session.ts";

/** A model as agentctl shows it. */
export interface KnownModel {
  /** "linux.l3.route" */
  readonly name: string;
  readonly class: string;
  readonly module: string;
  readonly version: string;
  readonly type: string;
  readonly protoName: string;
  readonly keyPrefix: string;
  /** Go text/template; absent for a singleton. */
  readonly nameTemplate?: string;
  /** How nsmctl reads its values; absent for a model that only the agent knows. */
  readonly model?: Model;
}

/** Those that nsmctl itself knows. */
export function ownModels(): KnownModel[] {
  return allModels.models.map((model) => ({
    name: model.name,
    ...model.spec,
    protoName: model.schema.typeName,
    keyPrefix: model.keyPrefix,
    ...(model.naming ? { nameTemplate: model.naming.template } : {}),
    model,
  }));
}

/** Those that the agent says it knows; nsmctl's own, and a note, where it cannot be asked. */
export async function agentModels(session: Session): Promise<KnownModel[]> {
  try {
    const grpc = await session.grpc();
    const { knownModels } = await grpc.call(MetaService.method.knownModels, create(KnownModelsRequestSchema));
    return knownModels.map(fromDetail);
  } catch (error) {
    if (!isGrpcOff(error) && !isCodedError(error, "UNSUPPORTED")) throw error;
    session.note("note: the agent serves no gRPC (no grpc.conf); these are the models that nsmctl knows");
    return ownModels();
  }
}

function fromDetail({ spec, protoName, options }: ModelDetail): KnownModel {
  const { module = "", version = "", type = "", class: group = "" } = spec ?? {};
  const template = options.find(({ key }) => key === "nameTemplate")?.values[0];
  const prefix = [group, module.replaceAll(".", "/"), version, type.replaceAll(".", "/")].join("/");
  const model = allModels.modelOfName(`${module}.${type}`);
  return {
    name: `${module}.${type}`,
    class: group,
    module,
    version,
    type,
    protoName,
    keyPrefix: template === undefined ? prefix : `${prefix}/`,
    ...(template === undefined ? {} : { nameTemplate: template }),
    ...(model ? { model } : {}),
  };
}

/** Models whose names match one of the patterns ("vpp.*", "linux.l3.route", "all"); all without patterns. */
export function matching(models: readonly KnownModel[], patterns: readonly string[]): KnownModel[] {
  if (patterns.length === 0) return [...models];
  const tests = patterns.map((pattern) => ({ pattern, regex: regexOf(pattern === "all" ? "*" : pattern) }));
  for (const { pattern, regex } of tests)
    if (!models.some(({ name }) => regex.test(name)))
      throw new CodedError(
        "NOT_FOUND",
        `no model matches ${JSON.stringify(pattern)}; "nsmctl agent model list" shows all`,
      );
  return models.filter(({ name }) => tests.some(({ regex }) => regex.test(name)));
}

/** The one model that a name means: the whole name, or a beginning that only one has. @throws CodedError NOT_FOUND */
export function oneModel(models: readonly KnownModel[], name: string): KnownModel {
  const exact = models.find((model) => model.name === name);
  if (exact) return exact;
  const [first, ...more] = models.filter((model) => model.name.startsWith(name));
  if (first && more.length === 0) return first;
  if (first)
    throw new CodedError(
      "NOT_FOUND",
      `${JSON.stringify(name)} can be ${[first, ...more].map((model) => model.name).join(", ")}; write the whole name`,
    );
  throw new CodedError("NOT_FOUND", `there is no model ${JSON.stringify(name)}; "nsmctl agent model list" shows all`);
}

/** Model and name of a key without the agent's prefix; the whole key is the name where no model claims it. */
export function splitKey(key: string): { readonly model: string; readonly name: string } {
  const found = allModels.modelOfKey(key);
  return found ? { model: found.model.name, name: found.name } : { model: "", name: key };
}

function regexOf(glob: string): RegExp {
  const text = glob
    .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${text}$`);
}
