/** A small language for the fields of a resource: one declaration gives the parser, the CRD's schema, the type and the docs. */

interface Described {
  /** One line for the docs and the CRD; no full stop at the end is needed. */
  readonly text: string;
  readonly required?: true;
  /** What to write, for the message about a missing one; of a text the values or what it expects. */
  readonly example?: string;
  /** As shown in the docs; what a missing value means. */
  readonly default?: string;
}

export interface StringField extends Described {
  readonly kind: "string";
  readonly values?: readonly string[];
  /** RE2 and JavaScript alike. */
  readonly pattern?: string;
  /** What the pattern means, for the message: "a name like nsm-system". */
  readonly expect?: string;
  readonly maxLength?: number;
}

export interface IntegerField extends Described {
  readonly kind: "integer";
  readonly min: number;
  readonly max: number;
}

/** true or false, as a boolean or as the string that older documents have. */
export interface FlagField extends Described {
  readonly kind: "flag";
}

export interface ObjectField extends Described {
  readonly kind: "object";
  readonly fields: Fields;
}

export interface ListField extends Described {
  readonly kind: "list";
  readonly item: Field;
  readonly maxItems: number;
  /** Field by which the items are told apart. */
  readonly key?: string;
}

/** Strings by name. */
export interface MapField extends Described {
  readonly kind: "map";
}

/** A part of a Kubernetes object that is passed on as it is: checked to be an object, read by the API server. */
export interface PassedField extends Described {
  readonly kind: "passed";
}

export type Field = StringField | IntegerField | FlagField | ObjectField | ListField | MapField | PassedField;
export type Fields = Readonly<Record<string, Field>>;

export type ValueOf<F> = F extends { kind: "string"; values: readonly (infer V)[] }
  ? V
  : F extends { kind: "string" }
    ? string
    : F extends { kind: "integer" }
      ? number
      : F extends { kind: "flag" }
        ? boolean
        : F extends { kind: "list"; item: infer I }
          ? readonly ValueOf<I>[]
          : F extends { kind: "map" }
            ? Readonly<Record<string, string>>
            : F extends { kind: "passed" }
              ? Readonly<Record<string, unknown>>
              : F extends { kind: "object"; fields: infer G }
                ? ValuesOf<G>
                : never;

export type ValuesOf<G> = {
  readonly [K in keyof G as G[K] extends { required: true } ? K : never]: ValueOf<G[K]>;
} & { readonly [K in keyof G as G[K] extends { required: true } ? never : K]?: ValueOf<G[K]> };
