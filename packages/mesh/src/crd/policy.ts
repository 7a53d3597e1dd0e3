import type { MeshObject } from "../build/phase.ts";
import { fields2020, fields2023 } from "./fields.ts";
import { nsmGroup, nsmVersion } from "./nsm.ts";

const name = `nsms.${nsmGroup}`;
const spec = "object.spec";
const given = (field: string): string => `has(${spec}.${field})`;
const isText = (field: string): string => `type(${spec}.${field}) == string`;
const any = (fields: readonly string[]): string => `(${fields.map(given).join(" || ")})`;

const only2020 = Object.keys(fields2020).filter((field) => !Object.hasOwn(fields2023, field));
const only2023 = Object.keys(fields2023).filter((field) => !Object.hasOwn(fields2020, field));
const own = `(${given("provider")} && ${spec}.provider == 'nsmkit')`;
const isTrue = (field: string): string => `(${given(field)} && string(${spec}.${field}) == 'true')`;
const modes = "['managed', 'external', 'none']";

/**
 * What the CRD's own rules cannot see: fields without a schema type, which older and newer documents write differently.
 * A ValidatingAdmissionPolicy sees them, and answers while the operator is down too (Kubernetes 1.30).
 */
export function nsmAdmissionPolicy(): MeshObject[] {
  const labels = { "app.kubernetes.io/part-of": "network-service-mesh" };
  const validations = [
    {
      expression: `!${given("registry")} || ${isText("registry")} || type(${spec}.registry) == map`,
      message: "spec.registry is neither text nor an object; write registry: {type: k8s}",
    },
    {
      expression: `!(${given("registry")} && ${isText("registry")} && ${any(only2023)})`,
      message: `spec mixes two forms of this resource: registry as text is of 2020, and ${only2023.join(", ")} are of 2023; write registry: {type: k8s}`,
    },
    {
      expression: `!(${given("registry")} && !(${isText("registry")}) && ${any(only2020)})`,
      message: `spec mixes two forms of this resource: registry as an object is of 2023, and ${only2020.join(", ")} are of 2020; remove them`,
    },
    {
      expression: `!(${given("spire")} && ${spec}.spire in ${modes} && ${any(only2020)})`,
      message:
        "spec.spire: managed, external and none are of the form of 2023; in the form of 2020 write true or false",
    },
    {
      expression: `!(${given("spire")} && !(${spec}.spire in ${modes}) && ${any(only2023)})`,
      message: "spec.spire: true and false are of the form of 2020; write managed, external or none",
    },
    {
      expression: `!${any(only2023)} || ${given("registry")}`,
      message: "spec.registry is missing; write registry: {type: k8s}",
    },
    ...registryRules(),
    ...spireRules(),
    {
      expression: `!${own} || !${given("exclPref")}`,
      message: "spec.exclPref: our manager needs no collector; remove it and write platform.excludedPrefixes",
    },
    {
      expression: `!(${own} && ${isTrue("jaegerTracing")})`,
      message: "spec.jaegerTracing: our programs send no traces; remove it, or write provider: upstream",
    },
    {
      expression: `!(${own} && ${isTrue("csiDrivers")})`,
      message: "spec.csiDrivers: true needs upstream's webhook; write false, or provider: upstream",
    },
    {
      expression: `!(${given("insecure")} && string(${spec}.insecure) == 'false') || (${given("spire")} && string(${spec}.spire) == 'true')`,
      message: 'spec.insecure: false needs identities; write spire: "true" or insecure: "true"',
    },
  ];
  return [
    {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingAdmissionPolicy",
      metadata: { name, labels },
      spec: {
        failurePolicy: "Fail",
        matchConstraints: {
          resourceRules: [
            {
              apiGroups: [nsmGroup],
              apiVersions: [nsmVersion],
              operations: ["CREATE", "UPDATE"],
              resources: ["nsms"],
              scope: "Namespaced",
            },
          ],
        },
        validations: validations.map((validation) => ({ ...validation, reason: "Invalid" })),
      },
    },
    {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingAdmissionPolicyBinding",
      metadata: { name, labels },
      spec: { policyName: name, validationActions: ["Deny"] },
    },
  ];
}

/** Who runs SPIRE, which the CRD sees no type of either. */
function spireRules(): { readonly expression: string; readonly message: string }[] {
  const is = (mode: string): string => `${given("spire")} && ${spec}.spire == '${mode}'`;
  return [
    {
      expression: `!(${is("none")}) || ${own}`,
      message: "spec.spire: none does not work with upstream's programs, which need SPIFFE; write managed or external",
    },
    {
      expression: `!${given("trustDomain")} || (${is("managed")})`,
      message: "spec.trustDomain has an effect with spire: managed only; remove it, or write spire: managed",
    },
  ];
}

/** The object form of `registry`, which the CRD can give no schema. */
function registryRules(): { readonly expression: string; readonly message: string }[] {
  const registry = `${spec}.registry`;
  const isObject = `${given("registry")} && type(${registry}) == map`;
  const fields = ["type", "replicaCount", "image", "envVars", "resources", "hostPort"];
  const has = (field: string): string => `has(${registry}.${field})`;
  return [
    {
      expression: `!(${isObject}) || ${registry}.all(key, key in [${fields.map((field) => `'${field}'`).join(", ")}])`,
      message: `spec.registry has a field that does not exist; write ${fields.join(", ")}`,
    },
    {
      expression: `!(${isObject}) || (${has("type")} && ${registry}.type in ['k8s', 'memory'])`,
      message: "spec.registry.type is missing or unknown; write k8s or memory",
    },
    {
      expression: `!(${isObject} && ${has("replicaCount")}) || (type(${registry}.replicaCount) == int && ${registry}.replicaCount >= 1 && ${registry}.replicaCount <= 20)`,
      message: "spec.registry.replicaCount is no number from 1 to 20; write 1",
    },
    {
      expression: `!(${isObject} && ${has("type")} && ${registry}.type == 'memory' && ${has("replicaCount")}) || ${registry}.replicaCount == 1`,
      message:
        "spec.registry.replicaCount: registries that keep their entries in memory would split the mesh; write 1, or type: k8s",
    },
  ];
}
