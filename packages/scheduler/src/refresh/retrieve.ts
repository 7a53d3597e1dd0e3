import { CodedError } from "@nsmkit/core";
import type { RetrievedValue, RetrieveRequest } from "../descriptor.ts";
import { CallScope } from "../engine/call.ts";
import type { Deadlines } from "../engine/deadlines.ts";
import type { RegisteredDescriptor } from "../registry.ts";

/** One bounded call of `retrieve`. */
export class Retrieval {
  readonly result: Promise<readonly RetrievedValue[]>;
  readonly #scope = new CallScope();
  #reject: (error: CodedError) => void = () => {};

  constructor(registered: RegisteredDescriptor, request: RetrieveRequest, deadlines: Deadlines) {
    const { descriptor, name, timeoutMs } = registered;
    const cancelDeadline = deadlines.add(timeoutMs, () => {
      this.abort(
        new CodedError("DEADLINE_EXCEEDED", `retrieve of ${name} did not finish within ${timeoutMs / 1000} s`),
      );
    });
    this.result = new Promise<readonly RetrievedValue[]>((resolve, reject) => {
      this.#reject = reject;
      Promise.try(() => descriptor.retrieve?.(request, this.#scope) ?? []).then(resolve, reject);
    }).finally(cancelDeadline);
  }

  /** The result rejects at once; what the call still returns is ignored. */
  abort(reason: CodedError): void {
    CallScope.abort(this.#scope, reason);
    this.#reject(reason);
  }
}
