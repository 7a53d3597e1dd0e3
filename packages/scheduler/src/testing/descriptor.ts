import { type Descriptor, invalidValue, type RetrievedValue } from "../descriptor.ts";
import type { FakeSouthbound } from "./southbound.ts";

/** A value that says itself how it behaves, so that a test can build any graph from one descriptor. */
export interface TestValue {
  /** What an update changes. */
  readonly content?: string;
  /** Exact keys it depends on. */
  readonly needs?: readonly string[];
  /** Key prefixes, one dependency each, of which any key must exist. */
  readonly anyOf?: readonly string[];
  /** Derived values by key. */
  readonly derives?: Readonly<Record<string, TestValue>>;
  readonly claims?: readonly string[];
  /** Fields to be refused for. */
  readonly invalid?: readonly string[];
  /** Changing to or from another `mold` needs a re-create. */
  readonly mold?: string;
}

export interface TestDescriptorOptions extends Partial<Descriptor<TestValue, unknown>> {
  /** Default true: `retrieve` reports what the southbound holds below the prefix, as from northbound. */
  readonly retrievable?: boolean;
}

/** A descriptor for `TestValue`s below a prefix, on a fake southbound. Anything can be overridden. */
export function testDescriptor(
  southbound: FakeSouthbound,
  prefix: string,
  { retrievable = true, ...overrides }: TestDescriptorOptions = {},
): Descriptor {
  const retrieve = (): RetrievedValue<TestValue>[] =>
    [...southbound.values]
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, value]) => ({ key, value: value as TestValue, origin: "NB" }));
  const descriptor: Descriptor<TestValue, unknown> = {
    name: prefix.replaceAll("/", ""),
    keySelector: { prefix },
    nbKeyPrefix: prefix,
    validate: (key, { invalid }) => {
      if (invalid) throw invalidValue(`${key} is refused`, invalid);
    },
    create: ({ key, value }, { signal }) => southbound.perform("create", key, value, signal),
    update: ({ key, newValue }, { signal }) => southbound.perform("update", key, newValue, signal),
    delete: ({ key, value }, { signal }) => southbound.perform("delete", key, value, signal),
    updateWithRecreate: ({ oldValue, newValue }) => oldValue.mold !== newValue.mold,
    dependencies: (_key, { needs = [], anyOf = [] }) => [
      ...needs.map((key) => ({ label: key, key })),
      ...anyOf.map((prefix) => ({ label: `${prefix}*`, anyOf: { keyPrefixes: [prefix] } })),
    ],
    derivedValues: (_key, { derives = {} }) => Object.entries(derives).map(([key, value]) => ({ key, value })),
    claims: (_key, { claims = [] }) => claims,
    ...(retrievable ? { retrieve } : {}),
    ...overrides,
  };
  return descriptor as Descriptor;
}
