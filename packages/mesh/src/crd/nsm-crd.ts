import type { MeshObject } from "../build/phase.ts";
import { ownReleases, releases } from "../versions/releases.ts";
import type { Field, Fields } from "./field.ts";
import { fields2020, fields2023 } from "./fields.ts";
import { nsmGroup, nsmVersion } from "./nsm.ts";
import { flagSchema, type Schema, schemaOf } from "./schema.ts";
import { statusSchema } from "./status.ts";

const forms: readonly Fields[] = [fields2020, fields2023];
const open = { "x-kubernetes-preserve-unknown-fields": true } as const;

/**
 * Fields that the two forms write in different types. Structural schemas have one type for a field, so these have
 * none; what they may hold is checked by values, by the admission policy beside the CRD and by the operator.
 */
const untyped: Readonly<Record<string, Schema>> = {
  registry: {
    description: `${fields2023.registry.text}: type, replicaCount, image, envVars, resources, hostPort. In the form of 2020 the host of the images`,
    ...open,
  },
  spire: {
    description: `${fields2023.spire.text}. Default: ${fields2023.spire.default}. In the form of 2020 true or false`,
    ...open,
    enum: ["managed", "external", "none", "true", "false", true, false],
  },
  jaegerTracing: flagSchema(fields2023.jaegerTracing.text),
};

function specProperties(): Record<string, Schema> {
  const names = new Set(forms.flatMap((form) => Object.keys(form)));
  return Object.fromEntries(
    [...names].sort().map((name) => {
      const fields = forms.map((form) => form[name]).filter((field): field is Field => field !== undefined);
      // The same field of both forms: the newer one's limits, unless they are stricter than what older documents have.
      const field = name === "version" ? fields2020.version : fields.at(-1);
      return [name, untyped[name] ?? (field ? schemaOf(field) : open)];
    }),
  );
}

/** Fields of one form alone that CEL can see: it cannot see those without a type, flags among them. */
const only = (form: Fields, other: Fields): string[] =>
  Object.keys(form).filter((name) => !Object.hasOwn(other, name) && form[name]?.kind !== "flag");
const anyOf = (names: readonly string[]): string => names.map((name) => `has(self.${name})`).join(" || ");

/** Rules that hold with the operator down. Each message says what to write instead. */
function specRules(): Schema[] {
  const old = only(fields2020, fields2023);
  const current = only(fields2023, fields2020);
  const is2023 = `(${anyOf(current)})`;
  const versions = (list: readonly string[]): string =>
    `(self.version.startsWith('v') ? self.version : 'v' + self.version) in [${list.map((release) => `'${release}'`).join(", ")}]`;
  const own = "has(self.provider) && self.provider == 'nsmkit'";
  const newest = (list: readonly string[]): string => list.at(-1) ?? "";
  return [
    {
      rule: `!((${anyOf(old)}) && ${is2023})`,
      message: `spec mixes two forms of this resource: ${old.join(", ")} are of 2020, ${current.join(", ")} of 2023. Remove those of one form, or rewrite the document with nsmctl convert`,
    },
    {
      rule: `!${is2023} || has(self.forwarders)`,
      message: "spec.forwarders is missing; write forwarders: [{type: vpp}]",
    },
    {
      rule: `!has(self.forwarders) || size(self.forwarders) > 0`,
      message: "spec.forwarders is empty; write at least one, like {type: vpp}",
    },
    {
      rule: `!${is2023} || (${own}) || has(self.version)`,
      message: `spec.version is missing; write a release, the newest is ${newest(releases)}`,
    },
    {
      rule: `!${is2023} || (${own}) || !has(self.version) || ${versions(releases)}`,
      messageExpression: `'spec.version ' + self.version + ' is not a release that this operator knows; write one of ${releases[0]} to ${newest(releases)}'`,
      message: `spec.version is not a release that this operator knows; write one of ${releases[0]} to ${newest(releases)}`,
    },
    {
      rule: `!(${own}) || !has(self.version) || ${versions(ownReleases)}`,
      message: `spec.version is not a release of nsmkit's programs; write ${ownReleases.join(" or ")}`,
    },
    {
      rule: "!has(self.forwarders) || self.forwarders.all(f, self.forwarders.exists_one(g, (has(g.name) ? g.name : 'forwarder-' + g.type) == (has(f.name) ? f.name : 'forwarder-' + f.type)))",
      message: "two entries of spec.forwarders have the same name; give each a name of its own",
    },
    {
      rule: `!has(self.forwarders) || (${own}) || self.forwarders.all(f, f.type != 'kernel')`,
      message: "forwarder type kernel needs our own programs; write provider: nsmkit, or type vpp, ovs or sriov",
    },
    {
      rule: `!has(self.forwarders) || !(${own}) || self.forwarders.all(f, f.type == 'kernel')`,
      message: "with provider nsmkit the forwarder type is kernel; write kernel, or provider: upstream",
    },
  ];
}

const column = (name: string, type: string, jsonPath: string, more: Schema = {}): Schema => ({
  name,
  type,
  jsonPath,
  ...more,
});

/** The CustomResourceDefinition of NSM: one served version for both generations of documents. */
export function nsmDefinition(): MeshObject {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `nsms.${nsmGroup}`, labels: { "app.kubernetes.io/part-of": "network-service-mesh" } },
    spec: {
      group: nsmGroup,
      scope: "Namespaced",
      names: { kind: "NSM", listKind: "NSMList", plural: "nsms", singular: "nsm" },
      versions: [
        {
          name: nsmVersion,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: [
            column("Version", "string", ".status.currentVersion"),
            column("Phase", "string", ".status.phase"),
            column("Registry", "string", ".status.registry"),
            column("Managers", "string", ".status.managers"),
            column("Forwarders", "string", ".status.forwarders"),
            column("Platform", "string", ".status.platform.kind", { priority: 1 }),
            column("Ready", "string", '.status.conditions[?(@.type=="Ready")].status'),
            column("Age", "date", ".metadata.creationTimestamp"),
          ],
          schema: {
            openAPIV3Schema: {
              type: "object",
              description: "A network service mesh in this cluster",
              required: ["spec"],
              properties: {
                apiVersion: { type: "string" },
                kind: { type: "string" },
                metadata: { type: "object" },
                spec: {
                  type: "object",
                  description: "What the mesh should be, in the form of 2020 or of 2023, never both",
                  properties: specProperties(),
                  "x-kubernetes-validations": specRules(),
                },
                status: statusSchema,
              },
            },
          },
        },
      ],
    },
  };
}
