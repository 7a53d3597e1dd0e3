import type { Etcd } from "@nsmkit/agent/etcd";
import { CodedError } from "@nsmkit/core";
import type { Client } from "@nsmkit/kube";

const apiWrites = new Set(["create", "update", "apply", "mergePatch", "delete"]);
const etcdWrites = new Set(["put", "txn", "delete"]);

/**
 * The hands of a process that dies with its n-th write, to the API server or to etcd: that one is still done (or, with
 * `before`, not any more), its answer reaches nobody, and nothing follows.
 */
export class Mortal {
  /** Writes so far. */
  count = 0;
  dead = false;
  readonly died: Promise<void>;
  readonly #last: number;
  readonly #before: boolean;
  #die: () => void = () => {};

  constructor(lastWrite: number, options: { before?: boolean } = {}) {
    this.#last = lastWrite;
    this.#before = options.before ?? false;
    this.died = new Promise((resolve) => {
      this.#die = resolve;
    });
  }

  client(client: Client): Client {
    return this.#wrap(client, apiWrites);
  }

  etcd(etcd: Etcd): Etcd {
    return this.#wrap(etcd, etcdWrites);
  }

  kill(): void {
    this.dead = true;
    this.#die();
  }

  #wrap<T extends object>(target: T, writes: ReadonlySet<string>): T {
    return new Proxy(target, {
      get: (object, name) => {
        const method = Reflect.get(object, name, object) as unknown;
        if (typeof method !== "function" || typeof name !== "string") return method;
        return (...args: unknown[]): unknown => {
          if (name === "close") return method.apply(object, args);
          if (this.dead) throw gone();
          if (!writes.has(name)) return this.#passing(method.apply(object, args));
          this.count++;
          if (this.count < this.#last) return this.#passing(method.apply(object, args));
          if (this.#before) return this.#end();
          this.dead = true;
          return (method.apply(object, args) as Promise<unknown>).then(
            () => this.#end(),
            () => this.#end(),
          );
        };
      },
    });
  }

  /** The dead hear nothing. */
  #passing(answer: unknown): unknown {
    if (!(answer instanceof Promise)) return answer;
    return answer.then((value: unknown) => {
      if (this.dead) throw gone();
      return value;
    });
  }

  #end(): never {
    this.kill();
    throw gone();
  }
}

const gone = (): CodedError => new CodedError("UNAVAILABLE", "this process is dead");
