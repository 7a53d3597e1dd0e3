import { z } from "zod";
import { fields, textMap, unused } from "../schema.ts";
import { metadata } from "./metadata.ts";

/** Keys become file names. */
const keys = /^[-._a-zA-Z0-9]+$/;

const withFileNames = <T>(map: Record<string, T>, context: z.RefinementCtx): void => {
  for (const key of Object.keys(map)) {
    if (!keys.test(key) || key === "." || key === "..")
      context.addIssue({
        code: "custom",
        path: [key],
        message: 'is no file name; write letters, digits, "-", "_", "."',
      });
  }
};

export const configMap = fields({
  apiVersion: z.literal("v1"),
  kind: z.literal("ConfigMap"),
  metadata,
  data: textMap.superRefine(withFileNames).nullish(),
  /** Base64. */
  binaryData: z.record(z.string(), z.base64()).superRefine(withFileNames).nullish(),
  ...unused(["immutable"]),
});

export const namespace = fields({
  apiVersion: z.literal("v1"),
  kind: z.literal("Namespace"),
  metadata,
  ...unused(["spec", "status"]),
});
