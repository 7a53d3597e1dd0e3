import { type Declared, type PairOptions, readPairs, unknownModelsAnnotation } from "@nsmkit/agent/cnf-configuration";
import { objectKey } from "@nsmkit/kube";
import type { CnfConfigurationObject } from "./resource.ts";

/**
 * What resources declare, read once: the webhook, the controller and the search for who claims a key ask for the same
 * text, and reading it is most of the work.
 */
export class Declarations {
  readonly #options: PairOptions;
  readonly #byObject = new WeakMap<CnfConfigurationObject, Declared>();
  readonly #byText = new Map<string, { text: string; declared: Declared }>();
  /** How often something was really read. */
  reads = 0;

  constructor(options: PairOptions) {
    this.#options = options;
  }

  /** How many resources there are, for the size of the memory. */
  known: () => number = () => 0;

  of(object: CnfConfigurationObject): Declared {
    const known = this.#byObject.get(object);
    if (known) return known;
    const key = objectKey(object);
    const { spec, metadata } = object;
    const text = JSON.stringify([spec, metadata.annotations?.[unknownModelsAnnotation] ?? ""]);
    const last = this.#byText.get(key);
    const declared = last?.text === text ? last.declared : this.#read(object);
    // A resource that the server is yet to name has no key of its own.
    if (metadata.name !== undefined) this.#remember(key, { text, declared });
    this.#byObject.set(object, declared);
    return declared;
  }

  /** @param key `namespace/name` */
  forget(key: string): void {
    this.#byText.delete(key);
  }

  /** What is only asked about, never stored, must not stay for ever. */
  #remember(key: string, entry: { text: string; declared: Declared }): void {
    this.#byText.delete(key);
    this.#byText.set(key, entry);
    const [oldest] = this.#byText.keys();
    if (oldest !== undefined && this.#byText.size > 2 * this.known() + 1000) this.#byText.delete(oldest);
  }

  #read(object: CnfConfigurationObject): Declared {
    this.reads++;
    return readPairs({ ...object, kind: "CNFConfiguration" }, this.#options);
  }
}
