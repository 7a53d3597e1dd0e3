import type { DeclaredProblem } from "@nsmkit/agent/cnf-configuration";
import { type Informer, objectKey } from "@nsmkit/kube";
import type { Declarations } from "./declarations.ts";
import { byAge, type CnfConfigurationObject } from "./resource.ts";

const index = "claims";
const agents = "agents";

/** Which resources claim a key. */
export class Claims {
  readonly #informer: Informer<CnfConfigurationObject>;
  readonly #declarations: Declarations;

  /** Before the informer starts. */
  constructor(informer: Informer<CnfConfigurationObject>, declarations: Declarations) {
    this.#informer = informer;
    this.#declarations = declarations;
    informer.index(index, (object) => declarations.of(object).pairs.map(({ key }) => key));
    informer.index(agents, (object) => [...new Set(declarations.of(object).pairs.map(({ label }) => label))]);
  }

  /** Those that declare the key, the oldest first. */
  of(key: string): readonly CnfConfigurationObject[] {
    return [...this.#informer.byIndex(index, key)].sort(byAge);
  }

  /** Those that have something for the agent with a label. */
  ofAgent(label: string): readonly CnfConfigurationObject[] {
    return this.#informer.byIndex(agents, label);
  }

  /** For a resource that is about to be stored: its items whose key another resource declares. */
  conflictsOf(object: CnfConfigurationObject): DeclaredProblem[] {
    const own = objectKey(object);
    return this.#declarations.of(object).pairs.flatMap(({ index: i, key, model }) => {
      const other = this.of(key).find((one) => objectKey(one) !== own);
      if (!other) return [];
      const text = `item ${i + 1}: ${model}: the key ${key} belongs to CNFConfiguration ${objectKey(other)}; change or delete one of the two`;
      return [{ index: i, place: `spec.configItems[${i}]`, text }];
    });
  }
}
