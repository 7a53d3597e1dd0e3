import { CodedError } from "@nsmkit/core";
import { apiVersionOf, type KubeObject, kindText, type Resource, type ResourceName } from "../object.ts";
import type { ClusterConfig } from "./config.ts";
import { statusError } from "./status.ts";
import { type Request, Transport, type TransportOptions } from "./transport.ts";

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface ListOptions extends CallOptions {
  /** Default: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface ApplyOptions extends CallOptions {
  /** Who owns the applied fields. */
  readonly fieldManager: string;
  /** Take fields that others own; default true, as a controller must. */
  readonly force?: boolean;
  readonly dryRun?: boolean;
  readonly subresource?: "status" | "scale";
}

export interface DeleteOptions extends CallOptions {
  /** Only this very object: its uid. */
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly propagation?: "Foreground" | "Background" | "Orphan";
  readonly dryRun?: boolean;
}

export type WatchEvent<T> =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: T }
  | { readonly type: "BOOKMARK"; readonly resourceVersion: string };

/** Objects of one list, with the version from which a watch goes on. */
export interface ObjectList<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
}

export interface WatchOptions extends ListOptions {
  readonly resourceVersion: string;
  readonly timeoutSeconds?: number;
  readonly signal: AbortSignal;
}

export interface PatchOptions extends CallOptions {
  readonly subresource?: "status";
  readonly fieldManager?: string;
}

export interface Named {
  readonly namespace?: string;
  readonly name: string;
}

/** The verbs, however they are carried out: over HTTP, or in memory for unit tests. Every error is a CodedError (client/status.ts). */
export interface Client {
  get<T extends KubeObject>(resource: Resource<T>, at: Named, options?: CallOptions): Promise<T>;
  /** As `get`, but undefined for an object that is not there. */
  find<T extends KubeObject>(resource: Resource<T>, at: Named, options?: CallOptions): Promise<T | undefined>;
  /** All pages of one consistent list. @throws an expired continue token as is: list again */
  list<T extends KubeObject>(resource: Resource<T>, options?: ListOptions): Promise<ObjectList<T>>;
  /**
   * Changes after `resourceVersion`, bookmarks included. Ends when the server ends it (it does, every few minutes).
   * @throws an expired version with `isExpired` true: list again
   */
  watch<T extends KubeObject>(resource: Resource<T>, options: WatchOptions): AsyncGenerator<WatchEvent<T>>;
  create<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    options?: CallOptions & { readonly dryRun?: boolean },
  ): Promise<T>;
  /** Replaces the object; its resourceVersion, if given, must still be current (CONFLICT). */
  update<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    options?: CallOptions & { readonly subresource?: "status" },
  ): Promise<T>;
  /** Server-side apply: creates or updates the fields given, and gives up those that `fieldManager` applied before. */
  apply<T extends KubeObject>(resource: Resource<T>, object: T, options: ApplyOptions): Promise<T>;
  /** JSON merge patch (RFC 7386). */
  mergePatch<T extends KubeObject>(
    resource: Resource<T>,
    at: Named,
    patch: unknown,
    options?: PatchOptions,
  ): Promise<T>;
  /** @returns false when it was not there */
  delete(resource: ResourceName, at: Named, options?: DeleteOptions): Promise<boolean>;
}

/** What a list asks for at once: client-go's page size. */
const pageSize = 500;

/** Typed verbs on one API server. */
export class KubeClient implements Client, AsyncDisposable {
  readonly #transport: Transport;
  /** Namespace of the context or the Pod. */
  readonly namespace: string;

  constructor(config: ClusterConfig, options: TransportOptions = {}) {
    this.#transport = new Transport(config, options);
    this.namespace = config.namespace;
  }

  /** Requests sent so far. */
  get requests(): number {
    return this.#transport.requests;
  }

  async get<T extends KubeObject>(resource: Resource<T>, at: Named, options: CallOptions = {}): Promise<T> {
    return (await this.#call("GET", resource, at, options)) as T;
  }

  async find<T extends KubeObject>(
    resource: Resource<T>,
    at: Named,
    options: CallOptions = {},
  ): Promise<T | undefined> {
    try {
      return await this.get(resource, at, options);
    } catch (error) {
      if (error instanceof CodedError && error.code === "NOT_FOUND") return undefined;
      throw error;
    }
  }

  async list<T extends KubeObject>(resource: Resource<T>, options: ListOptions = {}): Promise<ObjectList<T>> {
    const items: T[] = [];
    let resourceVersion = "";
    let continueAt: string | undefined;
    do {
      const page = (await this.#transport.json({
        method: "GET",
        path: pathOf(resource, options, { ...selectors(options), limit: String(pageSize), continue: continueAt }),
        doing: `list ${kindText(resource)}`,
        ...(options.signal ? { signal: options.signal } : {}),
      })) as { items?: T[] | null; metadata?: { resourceVersion?: string; continue?: string } };
      // Items of a list carry neither kind nor version of their own.
      for (const item of page.items ?? []) {
        items.push({ ...item, apiVersion: apiVersionOf(resource), kind: resource.kind });
      }
      resourceVersion = page.metadata?.resourceVersion ?? "";
      continueAt = page.metadata?.continue || undefined;
    } while (continueAt);
    return { items, resourceVersion };
  }

  async *watch<T extends KubeObject>(resource: Resource<T>, options: WatchOptions): AsyncGenerator<WatchEvent<T>> {
    const doing = `watch ${kindText(resource)}`;
    const query = {
      ...selectors(options),
      watch: "1",
      allowWatchBookmarks: "true",
      resourceVersion: options.resourceVersion,
      timeoutSeconds: String(options.timeoutSeconds ?? 300),
    };
    const request = { method: "GET", path: pathOf(resource, options, query), doing, signal: options.signal } as const;
    for await (const line of this.#transport.lines(request)) {
      let event: { type?: unknown; object?: unknown };
      try {
        event = JSON.parse(line);
      } catch (cause) {
        throw new CodedError("PROTOCOL", `${doing}: a line is no JSON`, { cause });
      }
      const object = event.object as T & { code?: number };
      switch (event.type) {
        case "ADDED":
        case "MODIFIED":
        case "DELETED":
          yield { type: event.type, object };
          break;
        case "BOOKMARK":
          yield { type: "BOOKMARK", resourceVersion: object.metadata.resourceVersion ?? "" };
          break;
        case "ERROR":
          throw statusError(doing, object.code ?? 500, object);
        default:
          throw new CodedError("PROTOCOL", `${doing}: unknown event type ${JSON.stringify(event.type)}`);
      }
    }
  }

  async create<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    options: CallOptions & { dryRun?: boolean } = {},
  ): Promise<T> {
    const at = { name: object.metadata.name ?? object.metadata.generateName ?? "", ...namespaceOf(object) };
    const path = pathOf(resource, namespaceOf(object), options.dryRun ? { dryRun: "All" } : {});
    return (await this.#call("POST", resource, at, options, { path, body: object })) as T;
  }

  async update<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    options: CallOptions & { readonly subresource?: "status" } = {},
  ): Promise<T> {
    const at = { name: object.metadata.name ?? "", ...namespaceOf(object) };
    const path = pathOf(resource, at, {}, options.subresource);
    return (await this.#call("PUT", resource, at, options, { path, body: object })) as T;
  }

  async apply<T extends KubeObject>(resource: Resource<T>, object: T, options: ApplyOptions): Promise<T> {
    const at = { name: object.metadata.name ?? "", ...namespaceOf(object) };
    const query = {
      fieldManager: options.fieldManager,
      force: String(options.force ?? true),
      ...(options.dryRun ? { dryRun: "All" } : {}),
    };
    const path = pathOf(resource, at, query, options.subresource);
    const contentType = "application/apply-patch+yaml";
    return (await this.#call("PATCH", resource, at, options, { path, body: object, contentType })) as T;
  }

  async mergePatch<T extends KubeObject>(
    resource: Resource<T>,
    at: Named,
    patch: unknown,
    options: PatchOptions = {},
  ): Promise<T> {
    const path = pathOf(resource, at, { fieldManager: options.fieldManager }, options.subresource);
    const contentType = "application/merge-patch+json";
    return (await this.#call("PATCH", resource, at, options, { path, body: patch, contentType })) as T;
  }

  async delete(resource: ResourceName, at: Named, options: DeleteOptions = {}): Promise<boolean> {
    const preconditions = {
      ...(options.uid === undefined ? {} : { uid: options.uid }),
      ...(options.resourceVersion === undefined ? {} : { resourceVersion: options.resourceVersion }),
    };
    const body = {
      apiVersion: "v1",
      kind: "DeleteOptions",
      propagationPolicy: options.propagation ?? "Background",
      ...(Object.keys(preconditions).length > 0 ? { preconditions } : {}),
      ...(options.dryRun ? { dryRun: ["All"] } : {}),
    };
    try {
      await this.#call("DELETE", resource, at, options, { body });
      return true;
    } catch (error) {
      if (error instanceof CodedError && error.code === "NOT_FOUND") return false;
      throw error;
    }
  }

  /** Anything the typed verbs do not cover: discovery, /version, /openapi. */
  raw(path: string, options: CallOptions = {}): Promise<unknown> {
    return this.#transport.json({
      method: "GET",
      path,
      doing: `get ${path}`,
      ...(options.signal ? { signal: options.signal } : {}),
    });
  }

  close(): Promise<void> {
    return this.#transport.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #call(
    method: Request["method"],
    resource: ResourceName,
    at: Named,
    options: CallOptions,
    more: { path?: string; body?: unknown; contentType?: string } = {},
  ): Promise<unknown> {
    const verb = {
      GET: "get",
      POST: "create",
      PUT: "update",
      PATCH: more.contentType?.includes("apply") ? "apply" : "patch",
      DELETE: "delete",
    }[method];
    const name = at.namespace ? `${at.namespace}/${at.name}` : at.name;
    return this.#transport.json({
      method,
      path: more.path ?? pathOf(resource, at, {}),
      doing: `${verb} ${kindText(resource)} ${name}`,
      ...(more.body === undefined ? {} : { body: more.body }),
      ...(more.contentType === undefined ? {} : { contentType: more.contentType }),
      ...(options.signal ? { signal: options.signal } : {}),
    });
  }
}

const namespaceOf = (object: KubeObject): { namespace?: string } =>
  object.metadata.namespace === undefined ? {} : { namespace: object.metadata.namespace };

function selectors(options: ListOptions): Record<string, string | undefined> {
  return { labelSelector: options.labelSelector, fieldSelector: options.fieldSelector };
}

/** The REST path of a kind, collection or object, with its query. */
export function pathOf(
  resource: ResourceName,
  at: { readonly namespace?: string; readonly name?: string },
  query: Readonly<Record<string, string | undefined>>,
  subresource?: string,
): string {
  const { group, version, plural, namespaced } = resource;
  const parts = [group === "" ? `/api/${version}` : `/apis/${group}/${version}`];
  if (namespaced && at.namespace !== undefined) parts.push("namespaces", encodeURIComponent(at.namespace));
  if (namespaced && at.namespace === undefined && at.name !== undefined) {
    throw new CodedError("INVALID_ARGUMENT", `${resource.kind} ${at.name}: a namespace is needed`);
  }
  parts.push(plural);
  if (at.name !== undefined) parts.push(encodeURIComponent(at.name));
  if (subresource !== undefined) parts.push(subresource);
  const given = Object.entries(query).flatMap(([k, v]) => (v === undefined ? [] : [[k, v] as [string, string]]));
  const search = new URLSearchParams(given).toString();
  return parts.join("/") + (search === "" ? "" : `?${search}`);
}
