import { randomUUID } from "node:crypto";
import { type Clock, CodedError, Deferred, systemClock } from "@nsmkit/core";
import type {
  ApplyOptions,
  CallOptions,
  Client,
  DeleteOptions,
  ListOptions,
  Named,
  ObjectList,
  PatchOptions,
  WatchEvent,
  WatchOptions,
} from "../client/client.ts";
import { statusError } from "../client/status.ts";
import {
  apiVersionOf,
  type KubeObject,
  kindText,
  type ManagedFields,
  objectKey,
  type Resource,
  type ResourceName,
  type UnknownObject,
} from "../object.ts";
import { appliedFieldSet, conflicts, mergeApplied, removeGivenUp } from "./fields.ts";

export type Verb = "get" | "list" | "watch" | "create" | "update" | "apply" | "patch" | "delete";

/** Called before each request; throws to make it fail. */
export type Intercept = (
  verb: Verb,
  resource: ResourceName,
  at: { namespace?: string; name?: string },
) => void | Promise<void>;

interface Kind {
  readonly resource: ResourceName;
  readonly objects: Map<string, UnknownObject>;
}

interface Change {
  readonly version: number;
  readonly resource: string;
  readonly object: UnknownObject;
  readonly before: UnknownObject | undefined;
  readonly deleted: boolean;
}

/**
 * A Kubernetes API server in memory, for unit tests of controllers: versions, generations, finalizers, conflicts,
 * field ownership, selectors and watches behave as in the real one (test/cluster runs the same cases on both).
 * It knows no schemas, no admission and, like a real API server without controllers, no garbage collection.
 */
export class MemoryApiServer implements Client {
  readonly #clock: Clock;
  readonly #kinds = new Map<string, Kind>();
  #version = 1;
  #changes: Change[] = [];
  /** Changes up to this version are forgotten: a watch from before must list again. */
  #compacted = 0;
  readonly #watchers = new Set<Deferred<void>>();
  #cut = new AbortController();
  intercept: Intercept = () => {};
  /** Requests by verb since the start or the last `clear`. */
  readonly requests: Record<Verb, number> = {
    get: 0,
    list: 0,
    watch: 0,
    create: 0,
    update: 0,
    apply: 0,
    patch: 0,
    delete: 0,
  };

  constructor(options: { clock?: Clock } = {}) {
    this.#clock = options.clock ?? systemClock;
  }

  /** create + update + apply + patch + delete. */
  get writes(): number {
    const { create, update, apply, patch, delete: removed } = this.requests;
    return create + update + apply + patch + removed;
  }

  /** Ends all watches, as a restart does. */
  cutWatches(): void {
    this.#cut.abort();
    this.#cut = new AbortController();
  }

  /** Forgets old changes: watches that go on from before get HTTP 410. */
  compact(): void {
    this.#compacted = this.#version;
    this.#changes = [];
  }

  async get<T extends KubeObject>(resource: Resource<T>, at: Named, _options?: CallOptions): Promise<T> {
    await this.#enter("get", resource, at);
    return copy(this.#existing("get", resource, at)) as unknown as T;
  }

  async find<T extends KubeObject>(resource: Resource<T>, at: Named, _options?: CallOptions): Promise<T | undefined> {
    await this.#enter("get", resource, at);
    const object = this.#kind(resource).objects.get(objectKey({ metadata: at }));
    return object && (copy(object) as unknown as T);
  }

  async list<T extends KubeObject>(resource: Resource<T>, options: ListOptions = {}): Promise<ObjectList<T>> {
    await this.#enter("list", resource, options);
    const items = [...this.#kind(resource).objects.values()].filter((object) => selected(object, options));
    return { items: items.map((item) => copy(item) as unknown as T), resourceVersion: String(this.#version) };
  }

  async *watch<T extends KubeObject>(resource: Resource<T>, options: WatchOptions): AsyncGenerator<WatchEvent<T>> {
    await this.#enter("watch", resource, options);
    const cut = this.#cut.signal;
    const name = kindText(resource);
    let from = Number(options.resourceVersion || this.#version);
    for (;;) {
      if (from < this.#compacted) throw gone(name);
      const waiting = new Deferred<void>();
      this.#watchers.add(waiting);
      const wake = (): void => waiting.resolve();
      for (const signal of [options.signal, cut]) signal.addEventListener("abort", wake, { once: true });
      try {
        for (const change of this.#changes.filter((c) => c.version > from)) {
          from = change.version;
          const type = change.resource === name ? eventOf(change, options) : undefined;
          if (type) yield { type, object: copy(change.object) as unknown as T };
        }
        if (options.signal.aborted) throw new CodedError("ABORTED", `watch ${name} was cancelled`);
        if (cut.aborted) return;
        if (this.#version <= from) await waiting.promise;
      } finally {
        this.#watchers.delete(waiting);
        for (const signal of [options.signal, cut]) signal.removeEventListener("abort", wake);
      }
    }
  }

  async create<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    options: CallOptions & { dryRun?: boolean } = {},
  ): Promise<T> {
    await this.#enter("create", resource, object.metadata);
    const name = object.metadata.name ?? `${object.metadata.generateName}${randomUUID().slice(0, 5)}`;
    const at = { ...object.metadata, name };
    if (this.#kind(resource).objects.has(objectKey({ metadata: at }))) {
      throw statusError(`create ${kindText(resource)} ${name}`, 409, {
        reason: "AlreadyExists",
        message: `"${name}" already exists`,
      });
    }
    return this.#store(
      resource,
      undefined,
      { ...copy(object as unknown as UnknownObject), metadata: at },
      options.dryRun,
    ) as unknown as T;
  }

  async update<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    options: CallOptions & { readonly subresource?: "status" } = {},
  ): Promise<T> {
    await this.#enter("update", resource, object.metadata);
    const at = { ...object.metadata, name: object.metadata.name ?? "" };
    const before = this.#existing("update", resource, at);
    const given = object.metadata.resourceVersion;
    if (given !== undefined && given !== before.metadata.resourceVersion) throw this.#conflict("update", resource, at);
    return this.#store(
      resource,
      before,
      withSubresource(before, object as unknown as UnknownObject, options.subresource),
    ) as unknown as T;
  }

  async mergePatch<T extends KubeObject>(
    resource: Resource<T>,
    at: Named,
    patch: unknown,
    options: PatchOptions = {},
  ): Promise<T> {
    await this.#enter("patch", resource, at);
    const before = this.#existing("patch", resource, at);
    const given = (patch as { metadata?: { resourceVersion?: string } }).metadata?.resourceVersion;
    if (given !== undefined && given !== before.metadata.resourceVersion) throw this.#conflict("patch", resource, at);
    const after = mergeJson(before, patch) as UnknownObject;
    return this.#store(resource, before, withSubresource(before, after, options.subresource)) as unknown as T;
  }

  async apply<T extends KubeObject>(resource: Resource<T>, object: T, options: ApplyOptions): Promise<T> {
    await this.#enter("apply", resource, object.metadata);
    const at = { ...object.metadata, name: object.metadata.name ?? "" };
    const before = this.#kind(resource).objects.get(objectKey({ metadata: at }));
    const applied = copy(object as unknown as UnknownObject);
    const fields = appliedFieldSet(applied);
    const managers = before?.metadata.managedFields ?? [];
    const own = (entry: ManagedFields): boolean =>
      entry.manager === options.fieldManager && entry.operation === "Apply";
    const others = managers.filter((entry) => !own(entry));
    if (options.force === false && before) {
      const clash = others.flatMap((entry) =>
        conflicts(fields, entry.fieldsV1 ?? {}, applied, before).map(
          (path) => `conflict with ${JSON.stringify(entry.manager)}: ${path}`,
        ),
      );
      if (clash.length > 0)
        throw statusError(`apply ${kindText(resource)} ${at.name}`, 409, {
          reason: "Conflict",
          message: clash.join("; "),
        });
    }
    const old = managers.find(own)?.fieldsV1 ?? {};
    const base = before
      ? removeGivenUp(
          before,
          old,
          fields,
          others.map((entry) => entry.fieldsV1 ?? {}),
        )
      : { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata: {} };
    const merged = mergeApplied(base, applied) as UnknownObject;
    const entry: ManagedFields = { manager: options.fieldManager, operation: "Apply", fieldsV1: fields };
    const after = { ...merged, metadata: { ...merged.metadata, managedFields: [...others, entry] } };
    return this.#store(resource, before, after, options.dryRun) as unknown as T;
  }

  async delete(resource: ResourceName, at: Named, options: DeleteOptions = {}): Promise<boolean> {
    await this.#enter("delete", resource, at);
    const { objects } = this.#kind(resource);
    const before = objects.get(objectKey({ metadata: at }));
    if (!before) return false;
    if (options.uid !== undefined && options.uid !== before.metadata.uid) throw this.#conflict("delete", resource, at);
    if (options.resourceVersion !== undefined && options.resourceVersion !== before.metadata.resourceVersion) {
      throw this.#conflict("delete", resource, at);
    }
    if (options.dryRun) return true;
    if ((before.metadata.finalizers ?? []).length > 0) {
      if (before.metadata.deletionTimestamp) return true;
      const deletionTimestamp = new Date(this.#clock.now()).toISOString();
      this.#store(resource, before, { ...before, metadata: { ...before.metadata, deletionTimestamp } });
      return true;
    }
    this.#drop(resource, before);
    return true;
  }

  async #enter(
    verb: Verb,
    resource: ResourceName,
    at: { namespace?: string | undefined; name?: string | undefined },
  ): Promise<void> {
    this.requests[verb]++;
    await this.intercept(verb, resource, at as { namespace?: string; name?: string });
  }

  #kind(resource: ResourceName): Kind {
    const name = kindText(resource);
    const kind = this.#kinds.get(name) ?? { resource, objects: new Map() };
    this.#kinds.set(name, kind);
    return kind;
  }

  #existing(verb: string, resource: ResourceName, at: Named): UnknownObject {
    const object = this.#kind(resource).objects.get(objectKey({ metadata: at }));
    if (!object)
      throw statusError(`${verb} ${kindText(resource)} ${at.name}`, 404, {
        reason: "NotFound",
        message: `"${at.name}" not found`,
      });
    return object;
  }

  #conflict(verb: string, resource: ResourceName, at: Named): CodedError {
    const message = "the object has been modified; please apply your changes to the latest version and try again";
    return statusError(`${verb} ${kindText(resource)} ${at.name}`, 409, { reason: "Conflict", message });
  }

  #store(
    resource: ResourceName,
    before: UnknownObject | undefined,
    given: UnknownObject,
    dryRun = false,
  ): UnknownObject {
    const meta = before?.metadata;
    const { resourceVersion: _old, ...kept } = given.metadata;
    const specChanged = !before || !same(withoutMeta(before), withoutMeta(given));
    const after: UnknownObject = {
      ...given,
      metadata: {
        ...kept,
        uid: meta?.uid ?? randomUUID(),
        creationTimestamp: meta?.creationTimestamp ?? new Date(this.#clock.now()).toISOString(),
        generation: (meta?.generation ?? 0) + (specChanged ? 1 : 0),
        ...(meta?.deletionTimestamp ? { deletionTimestamp: meta.deletionTimestamp } : {}),
        ...(meta?.resourceVersion === undefined ? {} : { resourceVersion: meta.resourceVersion }),
      },
    };
    if (before && same(before, after)) return copy(before);
    if (dryRun) return copy(after);
    if (before?.metadata.deletionTimestamp && (after.metadata.finalizers ?? []).length === 0) {
      this.#drop(resource, after);
      return copy(after);
    }
    const version = ++this.#version;
    const stored = { ...after, metadata: { ...after.metadata, resourceVersion: String(version) } };
    this.#kind(resource).objects.set(objectKey(stored), stored);
    this.#tell({ resource: kindText(resource), version, object: stored, before, deleted: false });
    return copy(stored);
  }

  #drop(resource: ResourceName, object: UnknownObject): void {
    this.#kind(resource).objects.delete(objectKey(object));
    const version = ++this.#version;
    const last = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
    this.#tell({ resource: kindText(resource), version, object: last, before: object, deleted: true });
  }

  #tell(change: Change): void {
    this.#changes.push(change);
    for (const watcher of this.#watchers) watcher.resolve();
  }
}

const copy = <T>(object: T): T => structuredClone(object);
const same = (a: unknown, b: unknown): boolean => canonical(a) === canonical(b);

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, v: unknown) =>
    typeof v === "object" && v !== null && !Array.isArray(v)
      ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
      : v,
  );
}

function withoutMeta(object: UnknownObject): unknown {
  const { metadata: _m, status: _s, ...rest } = object;
  return rest;
}

/** The status door changes only status, the main door everything else. */
function withSubresource(
  before: UnknownObject,
  given: UnknownObject,
  subresource: "status" | undefined,
): UnknownObject {
  const metadata = {
    ...given.metadata,
    ...(before.metadata.managedFields ? { managedFields: before.metadata.managedFields } : {}),
  };
  return subresource === "status" ? { ...before, status: given.status } : { ...given, metadata };
}

function gone(name: string): CodedError {
  return statusError(`watch ${name}`, 410, { reason: "Expired", message: "too old resource version" });
}

/** Equality label selectors, and `metadata.name` / `metadata.namespace` field selectors. */
function selected(object: UnknownObject, options: ListOptions): boolean {
  const { namespace, labelSelector, fieldSelector } = options;
  if (namespace !== undefined && object.metadata.namespace !== namespace) return false;
  const terms = (text: string | undefined): [string, string | undefined][] =>
    (text ?? "")
      .split(",")
      .filter((t) => t !== "")
      .map((t) => t.split("=") as [string, string | undefined]);
  const labels = object.metadata.labels ?? {};
  if (!terms(labelSelector).every(([key, value]) => (value === undefined ? key in labels : labels[key] === value)))
    return false;
  const fields: Record<string, string | undefined> = {
    "metadata.name": object.metadata.name,
    "metadata.namespace": object.metadata.namespace,
  };
  return terms(fieldSelector).every(([key, value]) => fields[key] === value);
}

/** What a watch with this selection sees of a change: an object that leaves the selection is deleted for it. */
function eventOf(change: Change, options: ListOptions): "ADDED" | "MODIFIED" | "DELETED" | undefined {
  const was = change.before !== undefined && selected(change.before, options);
  const is = !change.deleted && selected(change.object, options);
  if (was) return is ? "MODIFIED" : "DELETED";
  return is ? "ADDED" : undefined;
}

/** RFC 7386. */
function mergeJson(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const base = typeof target === "object" && target !== null && !Array.isArray(target) ? target : {};
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = mergeJson(merged[key], value);
  }
  return merged;
}
