import { Worker } from "node:worker_threads";
import { CodedError, Deferred } from "@nsmkit/core";
import { systemError } from "../os/errno.ts";
import type { Call, CallValues, ReplyMessage } from "../worker/protocol.ts";

/** Calls the worker thread. It keeps the process alive only while a call is under way. */
export class WorkerClient {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Deferred<unknown>>();
  #nextId = 1;
  #ended: CodedError | undefined;

  constructor(worker: Worker) {
    this.#worker = worker;
  }

  static start(): WorkerClient {
    // The worker is a few hundred lines: no need for the process's flags, arguments or environment.
    const worker = new Worker(new URL("../worker/main.ts", import.meta.url), {
      // Descriptors opened there are handed over: they must outlive the thread, and closing them here is no mistake.
      trackUnmanagedFds: false,
      execArgv: [],
      argv: [],
      env: {},
      name: "netlink",
    });
    const client = new WorkerClient(worker);
    worker.on("message", (message: ReplyMessage) => client.#onReply(message));
    worker.on("error", (error) =>
      client.#end(new CodedError("INTERNAL", "the netlink worker failed", { cause: error })),
    );
    worker.on("exit", (code) => client.#end(new CodedError("INTERNAL", `the netlink worker ended with code ${code}`)));
    worker.unref();
    return client;
  }

  /** @throws CodedError the system call's, CLOSED after `close`, INTERNAL when the worker is gone */
  call<C extends Call>(call: C, transfer: readonly ArrayBuffer[] = []): Promise<CallValues[C["call"]]> {
    if (this.#ended) return Promise.reject(this.#ended);
    const id = this.#nextId++;
    const deferred = new Deferred<unknown>();
    if (this.#waiting.size === 0) this.#worker.ref();
    this.#waiting.set(id, deferred);
    this.#worker.postMessage({ id, call }, transfer);
    return deferred.promise as Promise<CallValues[C["call"]]>;
  }

  /** Ends the thread. Calls under way fail with CLOSED: wait for them before. */
  async close(): Promise<void> {
    this.#end(new CodedError("CLOSED", "netlink was closed"));
    await this.#worker.terminate();
  }

  #onReply(message: ReplyMessage): void {
    const deferred = this.#waiting.get(message.id);
    if (!deferred) return;
    this.#waiting.delete(message.id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if ("value" in message) deferred.resolve(message.value);
    else if ("failure" in message) deferred.reject(systemError(message.failure));
    else deferred.reject(new CodedError("INTERNAL", `the netlink worker has a bug: ${message.bug}`));
  }

  #end(reason: CodedError): void {
    this.#ended ??= reason;
    for (const deferred of this.#waiting.values()) deferred.reject(this.#ended);
    this.#waiting.clear();
  }
}
