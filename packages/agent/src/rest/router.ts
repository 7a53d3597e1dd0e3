import { CodedError } from "@nsmkit/core";
import type { Route } from "./route.ts";

export interface Found {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

interface Place {
  readonly path: string;
  readonly pattern: RegExp;
  readonly methods: Map<string, Route>;
}

/** Routes by path: literal ones first, then those with parts to fill in, in their order. */
export class Router {
  readonly #literal = new Map<string, Place>();
  readonly #patterns: Place[] = [];
  /** One line per route, for people. */
  readonly listing: string;

  constructor(routes: readonly Route[]) {
    for (const route of routes) this.#place(route.path).methods.set(route.method, route);
    this.listing = routes.map(({ method, path, text }) => `${method} ${path}  ${text}\n`).join("");
  }

  /** @throws CodedError NOT_FOUND; `details.allow` has the methods of a path that lacks this one */
  find(method: string, path: string): Found {
    const place = this.#literal.get(path) ?? this.#patterns.find(({ pattern }) => pattern.test(path));
    if (!place) throw new CodedError("NOT_FOUND", `no such path: ${path.slice(0, 200)}; GET / lists them`);
    const route = place.methods.get(method === "HEAD" ? "GET" : method);
    if (route) return { route, params: decoded(place.pattern.exec(path)?.groups ?? {}) };
    const allow = [...place.methods.keys()].join(", ");
    throw new CodedError("NOT_FOUND", `${path} takes ${allow}, not ${method.slice(0, 20)}`, { details: { allow } });
  }

  #place(path: string): Place {
    const known = this.#literal.get(path) ?? this.#patterns.find((place) => place.path === path);
    if (known) return known;
    const source = path
      .replaceAll(/[.+?^$()[\]|\\]/g, "\\$&")
      .replaceAll(/\{([a-z]+)\}/g, "(?<$1>[^/]+)")
      .replace(/\*$/, ".*");
    const place: Place = { path, pattern: new RegExp(`^${source}$`), methods: new Map() };
    if (/[{*]/.test(path)) this.#patterns.push(place);
    else this.#literal.set(path, place);
    return place;
  }
}

function decoded(groups: Readonly<Record<string, string>>): Record<string, string> {
  try {
    return Object.fromEntries(Object.entries(groups).map(([name, text]) => [name, decodeURIComponent(text)]));
  } catch (cause) {
    throw new CodedError("INVALID_ARGUMENT", "the path has a broken percent escape", { cause });
  }
}
