import { type ModelRegistry, parseValue } from "@nsmkit/api/model";
import { type CodedError, isCodedError, messageOf } from "@nsmkit/core";
import { objectKey } from "@nsmkit/kube";
import { type DeclaredPair, type DeclaredProblem, readPairs } from "../../cnf-configuration/pairs.ts";
import type { Progress } from "../../cnf-configuration/status/index.ts";
import type { Item } from "../item.ts";
import type { Change } from "../store.ts";
import { Claims } from "./claims.ts";
import type { CnfConfigurationObject } from "./resource.ts";

/** Source of the items of one resource. As those of the key-value store it loses to what a gRPC client sets. */
export const sourceOfResource = (resource: string): string => `datasync-kubernetes:${resource}`;

export interface DeclarationsOptions {
  /** The agent's microservice label. */
  readonly label: string;
  /** What this agent can configure. */
  readonly models: ModelRegistry;
  /** What a resource may declare, for whatever agent. */
  readonly allModels: ModelRegistry;
  /** Whether the agent would take these changes. @throws CodedError INVALID_CONFIG with a line per wrong item */
  check(changes: readonly Change[]): void;
}

/** A resource as it was last seen, and what came of it. */
export interface Declaration {
  readonly object: CnfConfigurationObject;
  readonly pairs: readonly DeclaredPair[];
  readonly progress: Progress;
}

/** A resource as it is now; undefined for one that is gone. By `namespace/name`. */
export type Seen = ReadonlyMap<string, CnfConfigurationObject | undefined>;

export interface Taken {
  /** What changes for the agent, to be applied together. */
  readonly changes: readonly Change[];
  /** Resources that were looked at. */
  readonly touched: ReadonlySet<string>;
}

/**
 * What the resources of a cluster declare for this agent. A resource counts as a whole: with one mistake in it, for
 * whichever agent, all that it said before stays in force. A key that several declare is that of the one that had it
 * first, of those that come together the older one's.
 */
export class Declarations {
  readonly #options: DeclarationsOptions;
  #state: State;

  constructor(options: DeclarationsOptions) {
    this.#options = options;
    this.#state = new State(options);
  }

  get(resource: string): Declaration | undefined {
    return this.#state.known.get(resource);
  }

  get all(): ReadonlyMap<string, Declaration> {
    return this.#state.known;
  }

  /** Takes a resource of which nothing but the status has changed. */
  learn(object: CnfConfigurationObject): void {
    const resource = objectKey(object);
    const declaration = this.#state.known.get(resource);
    if (declaration) this.#state.known.set(resource, { ...declaration, object });
  }

  take(seen: Seen): Taken {
    const refused = new Map<string, DeclaredProblem[]>();
    for (;;) {
      const next = new State(this.#options, this.#state);
      const taken = next.take(seen, refused);
      const error = this.#errorOf(taken.changes);
      if (error === undefined) {
        this.#state = next;
        return taken;
      }
      blame(error, taken, refused);
    }
  }

  #errorOf(changes: readonly Change[]): CodedError | undefined {
    try {
      this.#options.check(changes);
      return undefined;
    } catch (error) {
      if (isCodedError(error, "INVALID_CONFIG")) return error;
      throw error;
    }
  }
}

class State {
  readonly known: Map<string, Declaration>;
  readonly #claims: Claims;
  readonly #options: DeclarationsOptions;

  constructor(options: DeclarationsOptions, from?: State) {
    this.#options = options;
    this.known = new Map(from?.known);
    this.#claims = from ? new Claims(from.#claims) : new Claims();
  }

  /** @param refused resources that the agent will not have, and why */
  take(seen: Seen, refused: ReadonlyMap<string, readonly DeclaredProblem[]>): Taken {
    const changes = new Map<string, Change>();
    const touched = new Set(seen.keys());
    for (const [resource, object] of seen) if (object === undefined) this.#remove(resource, changes);
    for (const object of byAge([...seen.values()].flatMap((one) => one ?? []))) this.#put(object, changes, refused);
    // What one let go of, another may have been waiting for, which may let go of something in turn.
    for (let progress = true; progress; ) {
      progress = false;
      for (const object of byAge(this.#waiting())) {
        this.#put(object, changes, refused);
        const key = objectKey(object);
        if (this.known.get(key)?.progress.kind === "conflict") continue;
        touched.add(key);
        progress = true;
      }
    }
    return { changes: [...changes.values()], touched };
  }

  #waiting(): CnfConfigurationObject[] {
    return [...this.known.values()].flatMap(({ object, progress }) => (progress.kind === "conflict" ? object : []));
  }

  #remove(resource: string, changes: Map<string, Change>): void {
    if (!this.known.delete(resource)) return;
    this.#claims.release(resource);
    changes.set(resource, { source: sourceOfResource(resource), replace: true });
  }

  #put(
    object: CnfConfigurationObject,
    changes: Map<string, Change>,
    refused: ReadonlyMap<string, readonly DeclaredProblem[]>,
  ): void {
    const resource = objectKey(object);
    const declared = readPairs({ ...object }, { models: this.#options.allModels });
    const { pairs } = declared;
    const progress = this.#progressOf(resource, refused.get(resource) ?? declared.problems, pairs);
    this.known.set(resource, { object, pairs, progress });
    if (progress.kind !== "read") return;
    this.#claims.take(resource, pairs);
    changes.set(resource, { source: sourceOfResource(resource), replace: true, put: this.#itemsOf(resource, pairs) });
  }

  #progressOf(resource: string, problems: readonly DeclaredProblem[], pairs: readonly DeclaredPair[]): Progress {
    if (problems.length > 0) return { kind: "invalid", problems };
    const taken = this.#claims.against(resource, pairs);
    return taken.length > 0 ? { kind: "conflict", problems: taken } : { kind: "read" };
  }

  #itemsOf(resource: string, pairs: readonly DeclaredPair[]): Item[] {
    return pairs.flatMap(({ label, itemKey, value, index }) => {
      const model = this.#options.models.modelOfKey(itemKey)?.model;
      if (label !== this.#options.label || model === undefined) return [];
      const place = `CNFConfiguration ${resource} spec.configItems[${index}]`;
      return { key: itemKey, model, value: parseValue(model, JSON.parse(value)), place };
    });
  }
}

/** Older ones first. */
function byAge(objects: readonly CnfConfigurationObject[]): CnfConfigurationObject[] {
  const rank = (object: CnfConfigurationObject): string =>
    `${object.metadata.creationTimestamp ?? ""} ${objectKey(object)}`;
  return [...objects].sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
}

/** Finds out whose fault an error is; that of the last one if the error does not tell. */
function blame(error: CodedError, { changes }: Taken, refused: Map<string, DeclaredProblem[]>): void {
  const before = refused.size;
  const candidates = new Set(changes.map(({ source }) => source));
  for (const line of linesOf(error)) {
    const [, resource = "", place = "", digits] =
      /CNFConfiguration (\S+) (spec\.configItems\[(\d+)\])/.exec(line.place) ?? [];
    if (!candidates.has(sourceOfResource(resource))) continue;
    const problem = { place, text: line.text, index: Number(digits) };
    refused.set(resource, [...(refused.get(resource) ?? []), problem]);
  }
  if (refused.size > before) return;
  const last = changes.findLast(({ put = [] }) => put.length > 0);
  if (!last) throw error;
  refused.set(last.source.slice(sourceOfResource("").length), [{ place: "spec", text: messageOf(error) }]);
}

function linesOf(error: CodedError): { place: string; text: string }[] {
  const { problems } = error.details;
  if (!Array.isArray(problems)) return [];
  return problems.map((one: { place?: unknown; text?: unknown }) => ({
    place: String(one.place),
    text: String(one.text),
  }));
}
