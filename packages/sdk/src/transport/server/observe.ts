import type { DescMethod } from "@bufbuild/protobuf";
import type { CallObserver } from "../api.ts";
import { statusName } from "../status.ts";

/** Keeps what the observer is told of one call. */
export class ObservedCall {
  received = 0;
  sent = 0;
  readonly #observer: CallObserver;
  readonly #method: DescMethod;
  readonly #begunMs = performance.now();
  #ended = false;

  constructor(observer: CallObserver, method: DescMethod) {
    this.#observer = observer;
    this.#method = method;
  }

  started(): void {
    this.#observer.started(this.#method);
  }

  /** Only the first time counts: a client may leave while it is answered. */
  ended(status: number): void {
    if (this.#ended) return;
    this.#ended = true;
    const seconds = (performance.now() - this.#begunMs) / 1000;
    const { received, sent } = this;
    this.#observer.ended(this.#method, { status: statusName(status), seconds, received, sent });
  }
}
