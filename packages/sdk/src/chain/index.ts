// Building chains.
export {
  type Begin,
  type BeginOptions,
  type BeginRules,
  type Begun,
  begin,
  begun,
  type EventOptions,
  type Exchange,
} from "./begin.ts";
export { type Bounded, bounded, cleanUpTimeoutMs, closeBelow } from "./bounded.ts";
export { type Chain, chain } from "./chain.ts";
export { Context, type ContextOptions } from "./context.ts";
export type { Element, Handler, Kind } from "./element.ts";
export { type Key, key, Store } from "./key.ts";
// Serving them over RPC.
export { answerable, contextOf, type ServeOptions } from "./serve.ts";
