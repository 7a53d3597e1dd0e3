// Building chains.
export { Alarm } from "./alarm.ts";
export { type Begin, type BeginOptions, begin, begun } from "./begin.ts";
export type { BeginRules, Begun, EventOptions, Exchange } from "./begun.ts";
export { type Bounded, bounded, cleanUpTimeoutMs, closeBelow } from "./bounded.ts";
export { type Chain, chain } from "./chain.ts";
export { Context, type ContextOptions } from "./context.ts";
export type { Element, Handler, Kind } from "./element.ts";
export { Gate } from "./gate.ts";
export { type Key, key, Store } from "./key.ts";
// Serving them over RPC.
export { answerable, contextOf, type ServeOptions } from "./serve.ts";
