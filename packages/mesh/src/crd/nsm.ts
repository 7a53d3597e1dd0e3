import type { ValuesOf } from "./field.ts";
import type { fields2020, fields2023 } from "./fields.ts";

export const nsmGroup = "nsm.networkservicemesh.io";
export const nsmVersion = "v1alpha1";

/** Spec of the first operator's documents, as written; strings for booleans are read. */
export type Spec2020 = ValuesOf<typeof fields2020>;
/** Spec of the second operator's documents, and what this one adds, as written. */
export type Spec2023 = ValuesOf<typeof fields2023>;

export interface NsmMetadata {
  readonly name: string;
  /** "default" when the document has none. */
  readonly namespace: string;
  /** Given once the object is stored. */
  readonly uid?: string;
  readonly generation?: number;
}

/** A parsed NSM document of either generation. */
export type Nsm =
  | { readonly form: "2020"; readonly metadata: NsmMetadata; readonly spec: Spec2020 }
  | { readonly form: "2023"; readonly metadata: NsmMetadata; readonly spec: Spec2023 };

/** Something wrong with a document. */
export interface Problem {
  /** "spec.forwarders[0].type". */
  readonly field: string;
  /** A whole sentence: what is wrong, and what to write instead. */
  readonly message: string;
}
