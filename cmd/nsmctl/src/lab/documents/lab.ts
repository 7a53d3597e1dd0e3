import { parseDuration, ValueError } from "@nsmkit/core/config";
import { checkInterfaceName, checkMac, parseCidr } from "@nsmkit/netlink";
import { z } from "zod";
import { metadata, objectName } from "./kubernetes/metadata.ts";
import { fields, text, textMap } from "./schema.ts";

/** Text that a checker accepts; what the checker throws is the message. */
const accepted = (check: (value: string) => unknown) =>
  z.string().superRefine((value, context) => {
    try {
      check(value);
    } catch (error) {
      context.addIssue({ code: "custom", message: (error as Error).message });
    }
  });

const interfaceName = accepted(checkInterfaceName);
const cidr = accepted(parseCidr);
const clusterSubnet = accepted((value) => {
  const { family, length } = parseCidr(value);
  if (family !== 4 || length > 28) throw new Error("must be IPv4 and have at least 16 addresses");
});
const regex = accepted((value) => new RegExp(value, "m"));

/** Go's duration syntax, or a number of seconds. */
const durationMs = z
  .union([z.number(), z.string()])
  .transform((value, context) => {
    try {
      return typeof value === "number" ? value * 1000 : parseDuration(value);
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      context.addIssue({ code: "custom", message: `${error.message}; ${error.remedy}` });
      return z.NEVER;
    }
  })
  .pipe(z.number().min(1).max(3_600_000));

/** One end of a veth pair: in a node (a physical interface of it) or in a Pod. */
const linkEnd = fields({
  node: objectName.optional(),
  pod: objectName.optional(),
  interface: interfaceName,
  addresses: z.array(cidr).optional(),
  mac: accepted(checkMac).optional(),
  mtu: z.int().min(68).max(65_535).optional(),
}).refine((end) => (end.node === undefined) !== (end.pod === undefined), { error: "needs either node or pod" });

const oneOrMore = z.union([text, z.array(text)]).transform((value) => (typeof value === "string" ? [value] : value));

/** What the output must be; every rule that is given must hold. */
const output = fields({
  contains: oneOrMore.optional(),
  excludes: oneOrMore.optional(),
  matches: z
    .union([regex, z.array(regex)])
    .transform((value) => (typeof value === "string" ? [value] : value))
    .optional(),
  equals: text.optional(),
});

const checkSpec = fields({
  name: z.string().min(1),
  pod: objectName,
  container: text.optional(),
  command: z.array(text).min(1),
  expect: fields({
    exitCode: z.int().min(0).max(255).optional(),
    stdout: output.optional(),
    stderr: output.optional(),
  }).optional(),
  /** How long the check may take to become true; the command is run again until then. */
  timeout: durationMs.optional(),
  /** The demo prints this check's output as the proof. */
  show: z.boolean().optional(),
});

export const lab = fields({
  apiVersion: z.literal("nsmkit.dev/v1alpha1"),
  kind: z.literal("Lab"),
  metadata,
  spec: fields({
    /** One paragraph for the demo. */
    description: text.optional(),
    nodes: z
      .array(fields({ name: objectName, labels: textMap.optional() }))
      .min(1)
      .optional(),
    /** Pod name -> node name. */
    placement: z.record(z.string(), z.string()).optional(),
    underlay: fields({ subnet: cidr.optional(), mtu: z.int().min(1280).max(9216).optional() }).optional(),
    /** Of Pods and Services, in a lab with Services. */
    cluster: fields({ subnet: clusterSubnet.optional() }).optional(),
    links: z.array(fields({ endpoints: z.tuple([linkEnd, linkEnd]) })).optional(),
    checks: z.array(checkSpec).optional(),
  }).nullish(),
});

export type LabDocument = z.output<typeof lab>;
export type CheckSpec = NonNullable<NonNullable<LabDocument["spec"]>["checks"]>[number];
export type LinkEnd = z.output<typeof linkEnd>;
