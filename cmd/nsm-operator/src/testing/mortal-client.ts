import { CodedError } from "@nsmkit/core";
import type { Client } from "@nsmkit/kube";

const writes = new Set(["create", "update", "apply", "mergePatch", "delete"]);

/** A client of a process that dies with its n-th write: that one still reaches the API server, its answer nobody. */
export class MortalClient {
  readonly client: Client;
  /** Writes so far. */
  count = 0;
  dead = false;
  readonly died: Promise<void>;
  #die: () => void = () => {};

  constructor(client: Client, lastWrite: number) {
    this.died = new Promise((resolve) => {
      this.#die = resolve;
    });
    this.client = new Proxy(client, {
      get: (target, name: keyof Client) => {
        const method = target[name] as unknown;
        if (typeof method !== "function") return method;
        return (...args: unknown[]): unknown => {
          if (this.dead) throw gone();
          const answer: unknown = method.apply(target, args);
          if (!writes.has(name)) return answer;
          this.count++;
          if (this.count < lastWrite) return answer;
          this.dead = true;
          return (answer as Promise<unknown>).then(
            () => this.#end(),
            () => this.#end(),
          );
        };
      },
    });
  }

  #end(): never {
    this.#die();
    throw gone();
  }
}

const gone = (): CodedError => new CodedError("UNAVAILABLE", "this process is dead");
