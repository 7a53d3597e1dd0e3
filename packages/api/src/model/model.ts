import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { CodedError } from "@nsmkit/core";

/** What the key of a value is made from. */
export interface ModelSpec {
  /** Dotted, e.g. "linux.interfaces". */
  readonly module: string;
  readonly version: string;
  readonly type: string;
  /** "config" for everything that users declare. */
  readonly class: string;
}

/** How the values of a model are told apart. */
export interface Naming<Desc extends DescMessage> {
  /** The same rule as a Go text/template, which is how the meta service publishes it. */
  readonly template: string;
  /** Proto names of the fields that `of` reads, for errors. */
  readonly fields: readonly string[];
  of(message: MessageShape<Desc>): string;
}

/** A kind of configuration value: its message, its place among the keys, its name there. */
export interface Model<Desc extends DescMessage = DescMessage> {
  readonly spec: ModelSpec;
  readonly schema: Desc;
  /** "<module>.<type>", as in the ids of the generic manager. */
  readonly name: string;
  /** "config/linux/l3/v2/route/"; without the slash for a singleton, whose whole key this is. */
  readonly keyPrefix: string;
  /** Absent for a singleton. */
  readonly naming?: Naming<Desc>;
}

// ligato/vpp-agent pkg/models/spec.go
const patterns = {
  module: /^[-a-z0-9_]+(\.[-a-z0-9_]+)?$/,
  version: /^v[0-9]+([-a-z0-9]+)?$/,
  type: /^[-a-z0-9_]+(\.[-a-z0-9_]+)?$/,
  class: /^[-a-z0-9_]+$/,
} as const satisfies Record<keyof ModelSpec, RegExp>;

/** Throws INVALID_ARGUMENT when a part of the spec does not have the form that keys need. */
export function defineModel<Desc extends DescMessage>(
  partial: { module: string; type: string; version?: string; class?: string },
  schema: Desc,
  naming?: Naming<Desc>,
): Model<Desc> {
  const spec: ModelSpec = {
    module: partial.module,
    version: partial.version || "v0",
    type: partial.type,
    class: partial.class || "config",
  };
  for (const part of ["module", "version", "type", "class"] as const) {
    if (patterns[part].test(spec[part])) continue;
    throw new CodedError(
      "INVALID_ARGUMENT",
      `the model of ${schema.typeName} has the ${part} ${JSON.stringify(spec[part])}, which does not match ${patterns[part].source}`,
      { details: { part, value: spec[part] } },
    );
  }
  const path = [spec.class, spec.module.replaceAll(".", "/"), spec.version, spec.type.replaceAll(".", "/")].join("/");
  const name = `${spec.module}.${spec.type}`;
  if (!naming) return { spec, schema, name, keyPrefix: path };
  return { spec, schema, name, keyPrefix: `${path}/`, naming };
}
