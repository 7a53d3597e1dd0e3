import { isDeepStrictEqual } from "node:util";
import { CodedError, isCodedError } from "@nsmkit/core";
import type { Descriptor, KeySelector } from "./descriptor.ts";
import { CallGate } from "./engine/gate.ts";

const hopeless = new Set(["INVALID_ARGUMENT", "INVALID_CONFIG", "UNSUPPORTED"]);

/** A descriptor with its defaults filled in, and what belongs to it. */
export class RegisteredDescriptor {
  readonly descriptor: Descriptor;
  readonly name: string;
  readonly timeoutMs: number;
  /** Absent: calls are not limited. */
  readonly gate: CallGate | undefined;

  constructor(descriptor: Descriptor, callTimeoutMs: number) {
    this.descriptor = descriptor;
    this.name = descriptor.name;
    this.timeoutMs = descriptor.timeoutMs ?? callTimeoutMs;
    this.gate = descriptor.concurrency === undefined ? undefined : new CallGate(descriptor.concurrency);
  }

  selects(key: string): boolean {
    return selects(this.descriptor.keySelector, key);
  }

  label(key: string): string {
    return this.descriptor.keyLabel?.(key) ?? key;
  }

  equal(oldValue: unknown, newValue: unknown, key: string): boolean {
    return this.descriptor.equal?.(oldValue, newValue, key) ?? isDeepStrictEqual(oldValue, newValue);
  }

  isRetriable(error: unknown): boolean {
    if (this.descriptor.isRetriableFailure) return this.descriptor.isRetriableFailure(error);
    return !(isCodedError(error) && !error.retryable && hopeless.has(error.code));
  }
}

function selects(selector: KeySelector, key: string): boolean {
  if (selector.exact ? key !== selector.prefix : !key.startsWith(selector.prefix)) return false;
  return selector.matches?.(key) ?? true;
}

/** Every descriptor, and which one answers for a key. */
export class DescriptorRegistry {
  readonly #byName = new Map<string, RegisteredDescriptor>();
  readonly #callTimeoutMs: number;

  constructor(callTimeoutMs: number) {
    this.#callTimeoutMs = callTimeoutMs;
  }

  get all(): IterableIterator<RegisteredDescriptor> {
    return this.#byName.values();
  }

  get(name: string): RegisteredDescriptor | undefined {
    return this.#byName.get(name);
  }

  /**
   * The descriptor of a key.
   * @throws CodedError CONFLICT if two answer for it, which registration could not foresee
   */
  find(key: string): RegisteredDescriptor | undefined {
    let found: RegisteredDescriptor | undefined;
    for (const candidate of this.#byName.values()) {
      if (!candidate.selects(key)) continue;
      if (found) throw twoFor(key, found.name, candidate.name);
      found = candidate;
    }
    return found;
  }

  /**
   * Adds all of them, or none.
   * @param knownKeys keys in use, each of which may get at most one descriptor
   */
  add(descriptors: readonly Descriptor[], knownKeys: Iterable<string>): RegisteredDescriptor[] {
    const added: RegisteredDescriptor[] = [];
    try {
      for (const descriptor of descriptors) {
        check(descriptor);
        for (const other of this.#byName.values()) refuseConflict(descriptor, other.descriptor);
        const registered = new RegisteredDescriptor(descriptor, this.#callTimeoutMs);
        this.#byName.set(descriptor.name, registered);
        added.push(registered);
      }
      this.retrieveOrder();
      for (const key of knownKeys) this.find(key);
      return added;
    } catch (error) {
      for (const { name } of added) this.#byName.delete(name);
      throw error;
    }
  }

  /**
   * Descriptors that can be retrieved, each after those it names in `retrieveDependencies`.
   * @throws CodedError INVALID_ARGUMENT if they name each other in a circle
   */
  retrieveOrder(): RegisteredDescriptor[] {
    const order = new Set<RegisteredDescriptor>();
    const path: string[] = [];
    const visit = (registered: RegisteredDescriptor): void => {
      if (order.has(registered)) return;
      if (path.includes(registered.name)) {
        throw new CodedError(
          "INVALID_ARGUMENT",
          `retrieveDependencies form a circle: ${[...path, registered.name].join(" -> ")}; remove one of them`,
        );
      }
      path.push(registered.name);
      for (const name of registered.descriptor.retrieveDependencies ?? []) {
        const earlier = this.#byName.get(name);
        if (earlier) visit(earlier);
      }
      path.pop();
      order.add(registered);
    };
    for (const registered of this.#byName.values()) visit(registered);
    return [...order];
  }
}

function check(descriptor: Descriptor): void {
  const wrong = (field: string, remedy: string): never => {
    throw new CodedError("INVALID_ARGUMENT", `descriptor "${descriptor.name}": ${field} ${remedy}`);
  };
  if (descriptor.name === "") wrong("name", "must not be empty");
  if (descriptor.create && !descriptor.delete) wrong("delete", "is missing; what can be created must be deletable");
  if (!descriptor.create && (descriptor.update || descriptor.delete)) wrong("create", "is missing");
  if (!((descriptor.timeoutMs ?? 1) > 0)) wrong("timeoutMs", "must be above 0");
  if (!((descriptor.concurrency ?? 1) >= 1)) wrong("concurrency", "must be at least 1");
}

/** Finds what is certain to clash before any key is known; predicates are asked about the other's own prefix. */
function refuseConflict(added: Descriptor, other: Descriptor): void {
  if (added.name === other.name) {
    throw new CodedError("ALREADY_EXISTS", `a descriptor named "${added.name}" is already registered`);
  }
  const [a, b] = [added.keySelector, other.keySelector];
  const overlap =
    (!a.matches && !a.exact && b.prefix.startsWith(a.prefix) && (b.exact || !b.matches)) ||
    (!b.matches && !b.exact && a.prefix.startsWith(b.prefix) && (a.exact || !a.matches)) ||
    (a.exact && selects(b, a.prefix)) ||
    (b.exact && selects(a, b.prefix));
  if (overlap) throw twoFor(`${a.prefix.length > b.prefix.length ? a.prefix : b.prefix}…`, other.name, added.name);
}

function twoFor(key: string, first: string, second: string): CodedError {
  return new CodedError(
    "CONFLICT",
    `descriptors "${first}" and "${second}" both answer for key ${key}; narrow the keySelector of one`,
    { details: { key, descriptors: [first, second] } },
  );
}
