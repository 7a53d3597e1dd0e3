import { CodedError, closeAll } from "@nsmkit/core";
import type { Element, Handler, Kind } from "./element.ts";

export interface Chain<K extends Kind> extends Handler<K>, AsyncDisposable {
  /** `role/name` of each element in order, for logs and tests. */
  readonly elements: readonly string[];
  /** Stops the elements, last one first. Calls that are running go on. */
  stop(): Promise<void>;
}

/**
 * Builds a chain and checks it: names are unique per role, servers stand before clients, and everything that an
 * element requires stands above it.
 * @param end serves what comes out at the bottom
 * @throws INVALID_ARGUMENT naming the elements that do not fit
 */
export function chain<K extends Kind>(elements: readonly Element<K>[], end: Handler<K>): Chain<K> {
  checkOrder(elements);
  const top = elements.reduceRight<Handler<K>>((next, element) => link(element, next), end);
  const stop = (): Promise<void> => closeAll(elements.map((element) => ({ close: async () => element.stop?.() })));
  return { ...bound(top), elements: elements.map(fullName), stop, [Symbol.asyncDispose]: stop };
}

function bound<K extends Kind>(handler: Handler<K>): Handler<K> {
  return {
    request: (ctx, request) => handler.request(ctx, request),
    close: (ctx, closing) => handler.close(ctx, closing),
    find: (ctx, query) => handler.find(ctx, query),
  };
}

/** A method that the element lacks is the next one's own: no frame is spent on passing through. */
function link<K extends Kind>(element: Element<K>, below: Handler<K>): Handler<K> {
  const next = bound(below);
  const request = element.request?.bind(element);
  const close = element.close?.bind(element);
  const find = element.find?.bind(element);
  return {
    request: request ? async (ctx, message) => request(ctx, message, next) : next.request,
    close: close ? async (ctx, message) => close(ctx, message, next) : next.close,
    find: find ? (ctx, query) => find(ctx, query, next) : next.find,
  };
}

const fullName = ({ role, name }: { readonly role?: string; readonly name: string }): string =>
  role ? `${role}/${name}` : name;

function checkOrder<K extends Kind>(elements: readonly Element<K>[]): void {
  const above = new Set<string>();
  let firstClient: string | undefined;
  for (const element of elements) {
    const own = fullName(element);
    if (above.has(own)) throw new CodedError("INVALID_ARGUMENT", `chain element "${own}" occurs twice`);
    if (element.role === "client") firstClient ??= own;
    if (element.role === "server" && firstClient)
      throw new CodedError(
        "INVALID_ARGUMENT",
        `chain element "${own}" stands below "${firstClient}": servers come first`,
      );
    for (const needed of element.requires ?? [])
      if (!above.has(needed))
        throw new CodedError("INVALID_ARGUMENT", `chain element "${own}" needs "${needed}" above it`);
    above.add(own).add(element.name);
  }
}
