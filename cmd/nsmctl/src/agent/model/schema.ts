import { groupOf, namesOf } from "@nsmkit/agent/documents";
import type { Model } from "@nsmkit/api/model";
import { allModels } from "@nsmkit/api/model/vpp";
import { configurationSchema, type JsonSchema, modelSchema } from "@nsmkit/api/schema";

/** For editors: of one model, or of the document that config update takes. */
export function schemaOf(model: Model | undefined): JsonSchema {
  if (model) return modelSchema(model);
  const declared = allModels.models.filter(({ spec }) => spec.class === "config");
  return configurationSchema(declared, { place: (one) => ({ group: groupOf(one), names: namesOf(one) }) });
}
