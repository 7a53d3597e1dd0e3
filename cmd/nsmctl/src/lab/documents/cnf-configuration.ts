import { z } from "zod";
import { metadata } from "./kubernetes/metadata.ts";
import { fields, unused } from "./schema.ts";

/** What makes it an object; its items are read by those who know the models. */
export const cnfConfiguration = fields({
  apiVersion: z.literal("pantheon.tech/v1"),
  kind: z.literal("CNFConfiguration"),
  metadata,
  spec: z.record(z.string(), z.unknown()),
  ...unused(["status"]),
});

export type CnfConfiguration = z.output<typeof cnfConfiguration>;
