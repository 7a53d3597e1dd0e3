import { z } from "zod";
import { fields, text, textMap, unused } from "../schema.ts";
import { labelName } from "./metadata.ts";

const keySelector = fields({ name: text, key: text, optional: z.boolean().optional() });

const valueFrom = fields({
  fieldRef: fields({ apiVersion: text.optional(), fieldPath: text }).optional(),
  configMapKeyRef: keySelector.optional(),
  secretKeyRef: keySelector.optional(),
  resourceFieldRef: z.unknown().optional(),
});

export const envVar = fields({
  // What the API server takes: anything printable but "=".
  name: z.string().regex(/^[ -<>-~]+$/, { error: 'is no variable name; write letters, digits and "_"' }),
  value: text.nullish(),
  valueFrom: valueFrom.optional(),
});

const envFrom = fields({
  prefix: text.optional(),
  configMapRef: fields({ name: text, optional: z.boolean().optional() }).optional(),
  secretRef: z.unknown().optional(),
});

const absolute = (name: string) =>
  z
    .string()
    .regex(/^\/[^\0]*$/, { error: (issue) => `is ${JSON.stringify(issue.input)}; ${name} must start with "/"` });

const volumeMount = fields({
  name: labelName,
  mountPath: absolute("mountPath"),
  subPath: text
    .refine((path) => !path.startsWith("/") && !path.split("/").includes(".."), {
      error: "must stay inside the volume",
    })
    .optional(),
  readOnly: z.boolean().optional(),
  ...unused(["mountPropagation", "recursiveReadOnly", "subPathExpr"]),
});

const resources = fields({
  limits: z.record(z.string(), z.unknown()).nullish(),
  requests: z.record(z.string(), z.unknown()).nullish(),
  ...unused(["claims"]),
});

/** Container fields with an effect on a cluster that a lab does not reproduce: each use is told to the user. */
export const toldContainerFields = [
  "lifecycle",
  "livenessProbe",
  "readinessProbe",
  "startupProbe",
  "volumeDevices",
] as const;

const quiet = [
  "imagePullPolicy",
  "resizePolicy",
  "securityContext",
  "stdin",
  "stdinOnce",
  "terminationMessagePath",
  "terminationMessagePolicy",
  "tty",
] as const;

export const container = fields({
  name: labelName,
  image: text.optional(),
  command: z.array(text).nullish(),
  args: z.array(text).nullish(),
  env: z.array(envVar).nullish(),
  envFrom: z.array(envFrom).nullish(),
  workingDir: absolute("workingDir").optional(),
  volumeMounts: z.array(volumeMount).nullish(),
  resources: resources.nullish(),
  ports: z
    .array(
      fields({
        name: text.optional(),
        containerPort: z.int().min(1).max(65_535),
        ...unused(["hostIP", "hostPort", "protocol"]),
      }),
    )
    .nullish(),
  /** Of an init container: "Always" makes it a sidecar. */
  restartPolicy: z.enum(["Always", "OnFailure", "Never"]).optional(),
  ...unused(toldContainerFields),
  ...unused(quiet),
});

export type Container = z.output<typeof container>;
export type EnvVar = z.output<typeof envVar>;
export { textMap };
