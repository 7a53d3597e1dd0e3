import { z } from "zod";
import { metadata } from "./kubernetes/metadata.ts";
import { fields, text, unused } from "./schema.ts";

const item = fields({
  module: z.string().min(1),
  type: z.string().min(1),
  version: text.optional(),
  name: text.optional(),
  microservice: text.optional(),
  /** YAML inside a text, as the CRD has it; an object is taken too. */
  data: z.union([text, z.record(z.string(), z.unknown())]),
});

export type ConfigItem = z.output<typeof item>;

export const cnfConfiguration = fields({
  apiVersion: z.literal("pantheon.tech/v1"),
  kind: z.literal("CNFConfiguration"),
  metadata,
  spec: fields({ microservice: text.optional(), configItems: z.array(item) }),
  ...unused(["status"]),
});

export type CnfConfiguration = z.output<typeof cnfConfiguration>;
