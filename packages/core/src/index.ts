export { type BackoffOptions, backoffDelay, type RetryOptions, retry } from "./backoff.ts";
export { type Clock, systemClock, type Timer } from "./clock.ts";
export {
  abortError,
  CodedError,
  type CodedErrorOptions,
  ErrorCode,
  isCodedError,
  messageOf,
  throwIfAborted,
} from "./errors.ts";
export { abortable, type Closable, closeAll, Deferred, KeyedQueue, mustExist } from "./lifecycle.ts";
export { type LogFields, type Logger, silentLogger } from "./logger.ts";
