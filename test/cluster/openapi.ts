/** Objects held against the OpenAPI documents that an API server publishes, strictly: as kubeconform does, without a cluster's mercy. */
import type { KubeClient, UnknownObject } from "@nsmkit/kube";

interface Schema {
  readonly $ref?: string;
  readonly allOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
  readonly "x-kubernetes-group-version-kind"?: readonly { group: string; version: string; kind: string }[];
}

type Json = Readonly<Record<string, unknown>>;
const isMap = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);

export class OpenApi {
  readonly #schemas = new Map<string, Schema>();
  readonly #kinds = new Map<string, Schema>();

  /** Reads all documents of `/openapi/v3`. */
  static async read(client: KubeClient): Promise<OpenApi> {
    const api = new OpenApi();
    const { paths } = (await client.raw("/openapi/v3")) as {
      paths: Readonly<Record<string, { serverRelativeURL: string }>>;
    };
    for (const [path, { serverRelativeURL }] of Object.entries(paths)) {
      if (!/^apis?\/.*v\d/.test(path)) continue;
      const { components } = (await client.raw(serverRelativeURL)) as {
        components?: { schemas?: Readonly<Record<string, Schema>> };
      };
      for (const [name, schema] of Object.entries(components?.schemas ?? {})) {
        api.#schemas.set(name, schema);
        for (const { group, version, kind } of schema["x-kubernetes-group-version-kind"] ?? []) {
          // Options of requests are listed under every group too.
          if (name.endsWith(`.${kind}`))
            api.#kinds.set(`${group === "" ? version : `${group}/${version}`} ${kind}`, schema);
        }
      }
    }
    return api;
  }

  get kinds(): number {
    return this.#kinds.size;
  }

  /** What is wrong with an object: "spec.template.spec.contaners: unknown field". */
  problemsOf(object: UnknownObject): readonly string[] {
    const schema = this.#kinds.get(`${object.apiVersion} ${object.kind}`);
    if (!schema) return [`${object.apiVersion} ${object.kind}: the server knows no such kind`];
    const problems: string[] = [];
    this.#check(schema, object, "", problems);
    return problems;
  }

  #resolved(schema: Schema): Schema {
    const [only, ...others] = schema.allOf ?? [];
    // A reference with a description of its own is written as the only part of an allOf.
    if (only && others.length === 0) return this.#resolved(only);
    if (schema.$ref === undefined) return schema;
    const name = schema.$ref.replace("#/components/schemas/", "");
    const found = this.#schemas.get(name);
    if (!found) throw new Error(`the server refers to ${name}, which it does not publish`);
    return this.#resolved(found);
  }

  #check(given: Schema, value: unknown, at: string, problems: string[]): void {
    const schema = this.#resolved(given);
    const wrong = (what: string): void => void problems.push(`${at}: ${what}`);
    if (schema.oneOf) {
      const tries = schema.oneOf.map((one) => {
        const found: string[] = [];
        this.#check(one, value, at, found);
        return found;
      });
      if (!tries.some((found) => found.length === 0)) problems.push(...(tries[0] ?? []));
      return;
    }
    if (schema.enum && !schema.enum.includes(value))
      wrong(`${JSON.stringify(value)} is none of ${schema.enum.join(", ")}`);
    switch (schema.type) {
      case "object":
        if (isMap(value)) this.#checkObject(schema, value, at, problems);
        else wrong("no object");
        return;
      case "array":
        if (!Array.isArray(value)) {
          wrong("no list");
          return;
        }
        for (const [i, item] of value.entries()) {
          if (schema.items) this.#check(schema.items, item, `${at}[${i}]`, problems);
        }
        return;
      case "string":
        if (typeof value !== "string") wrong(`${JSON.stringify(value)} is no text`);
        return;
      case "integer":
        if (!Number.isInteger(value)) wrong(`${JSON.stringify(value)} is no whole number`);
        return;
      case "number":
        if (typeof value !== "number") wrong(`${JSON.stringify(value)} is no number`);
        return;
      case "boolean":
        if (typeof value !== "boolean") wrong(`${JSON.stringify(value)} is neither true nor false`);
        return;
      default:
        return;
    }
  }

  #checkObject(schema: Schema, value: Json, at: string, problems: string[]): void {
    const { properties, additionalProperties } = schema;
    const below = (name: string): string => (at === "" ? name : `${at}.${name}`);
    for (const name of schema.required ?? []) {
      if (value[name] === undefined) problems.push(`${below(name)}: missing`);
    }
    for (const [name, item] of Object.entries(value)) {
      const known = properties?.[name];
      if (known) this.#check(known, item, below(name), problems);
      else if (isMap(additionalProperties)) this.#check(additionalProperties, item, below(name), problems);
      else if (properties && !schema["x-kubernetes-preserve-unknown-fields"] && additionalProperties !== true) {
        problems.push(`${below(name)}: unknown field`);
      }
    }
  }
}
