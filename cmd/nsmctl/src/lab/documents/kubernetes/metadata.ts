import { z } from "zod";
import { fields, text, textMap, unused } from "../schema.ts";

/** RFC 1123 subdomain, as the API server demands of most names; it also becomes a folder and a host name here. */
export const objectName = z
  .string()
  .max(253)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/, {
    error: (issue) => `is ${JSON.stringify(issue.input)}; write lower-case letters, digits, "-" and "." only`,
  });

/** RFC 1123 label: containers, volumes. */
export const labelName = z
  .string()
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, {
    error: (issue) => `is ${JSON.stringify(issue.input)}; write lower-case letters, digits and "-" only`,
  });

const serverSet = [
  "creationTimestamp",
  "deletionGracePeriodSeconds",
  "deletionTimestamp",
  "finalizers",
  "generation",
  "managedFields",
  "ownerReferences",
  "resourceVersion",
  "selfLink",
] as const;

export const metadata = fields({
  name: objectName,
  generateName: text.optional(),
  namespace: labelName.optional(),
  labels: textMap.nullish().transform((map) => map ?? {}),
  annotations: textMap.nullish().transform((map) => map ?? {}),
  uid: text.optional(),
  ...unused(serverSet),
});

export type Metadata = z.output<typeof metadata>;

/** The metadata of a Pod template: its name is that of the workload. */
export const templateMetadata = fields({ ...metadata.shape, name: objectName.optional() });
