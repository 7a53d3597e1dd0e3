/** The CustomResourceDefinition of CNFConfiguration, and the names in it. */

export const cnfConfigurationGroup = "pantheon.tech";
export const cnfConfigurationVersion = "v1";

/** How the API addresses CNFConfigurations. */
export const cnfConfigurationResource = {
  group: cnfConfigurationGroup,
  version: cnfConfigurationVersion,
  kind: "CNFConfiguration",
  plural: "cnfconfigurations",
  namespaced: true,
} as const;

export const cnfConfigurationDefinitionName = `${cnfConfigurationResource.plural}.${cnfConfigurationGroup}`;

const text = (description: string, more: object = {}): object => ({ type: "string", description, ...more });
const whole = (description: string): object => ({ type: "integer", format: "int64", description });

/** It becomes a part of keys, so it has neither slash nor space; "" counts as absent. */
const label = { maxLength: 253, pattern: "^[^/\\s]*$" };

const item = {
  type: "object",
  description: "One value of one model. `nsmctl cnf render` prints the key and value that it becomes.",
  required: ["module", "type", "data"],
  properties: {
    microservice: text("Label (MICROSERVICE_LABEL) of the agent; default that of spec.", label),
    module: text('Module of the model: "linux.interfaces".', { maxLength: 253 }),
    version: text('Version of the model: "v2". Best left out.', { maxLength: 63 }),
    type: text('Type of the model: "interface".', { maxLength: 253 }),
    name: text("Last part of the key, only for models that the controller does not know."),
    data: text("The value as YAML, by the model's field names."),
  },
};

const itemStatus = {
  type: "object",
  required: ["index", "state"],
  properties: {
    index: whole("Place in spec.configItems, from 0."),
    microservice: text("The agent that it is for."),
    model: text('"vpp.nat.nat44-pool"'),
    key: text("Key of the value, without the agent's prefix."),
    state: text("CONFIGURED, PENDING, FAILED, INVALID, or UNKNOWN when no agent tells.", {
      enum: ["CONFIGURED", "PENDING", "FAILED", "INVALID", "UNKNOWN"],
    }),
    message: text("What it waits for, or what went wrong."),
  },
};

const condition = {
  type: "object",
  required: ["type", "status", "reason", "lastTransitionTime"],
  properties: {
    type: text("Accepted, Stored or Ready."),
    status: text("Whether it holds.", { enum: ["True", "False", "Unknown"] }),
    reason: text("One word for machines."),
    message: text("A sentence for people."),
    lastTransitionTime: text("When the status changed.", { format: "date-time" }),
    observedGeneration: whole("Generation of the resource that this is about."),
  },
};

const status = {
  type: "object",
  description: "What became of it.",
  properties: {
    observedGeneration: whole("Generation of the resource that this is about."),
    conditions: {
      type: "array",
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["type"],
      items: condition,
    },
    items: {
      type: "array",
      description: "One for each item of spec.",
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["index"],
      items: itemStatus,
    },
    configured: text('How many of the items their agents have configured: "4/5".'),
    status: text("Success or Failure, as the first controller wrote it: whether the values are in etcd."),
    message: text("The most important thing to know."),
  },
};

const rules = [
  {
    rule: "(has(self.microservice) && self.microservice != '') || self.configItems.all(i, has(i.microservice) && i.microservice != '')",
    message: "an item has no microservice and neither has spec; name the agent (its MICROSERVICE_LABEL) that it is for",
  },
];

/**
 * The definition as it is applied. `preserveUnknownFields: false` undoes what definitions that were once made through
 * apiextensions v1beta1 keep: without it neither pruning nor defaults nor CEL would work.
 */
export const cnfConfigurationDefinition = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: cnfConfigurationDefinitionName },
  spec: {
    group: cnfConfigurationGroup,
    names: {
      kind: "CNFConfiguration",
      listKind: "CNFConfigurationList",
      plural: "cnfconfigurations",
      singular: "cnfconfiguration",
    },
    scope: "Namespaced",
    preserveUnknownFields: false,
    versions: [
      {
        name: cnfConfigurationVersion,
        served: true,
        storage: true,
        subresources: { status: {} },
        additionalPrinterColumns: [
          { name: "Ready", type: "string", jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
          { name: "Items", type: "string", jsonPath: ".status.configured" },
          { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
          { name: "Message", type: "string", jsonPath: ".status.message" },
        ],
        schema: {
          openAPIV3Schema: {
            type: "object",
            description: "Configuration of one or more cloud-native network functions.",
            required: ["spec"],
            properties: {
              spec: {
                type: "object",
                required: ["configItems"],
                properties: {
                  microservice: text("Label of the agent that the items are for, where they do not say so.", label),
                  // Bounded for the sake of what the rules below may cost.
                  configItems: { type: "array", maxItems: 10_000, items: item },
                },
                "x-kubernetes-validations": rules,
              },
              status,
            },
          },
        },
      },
    ],
  },
} as const;
