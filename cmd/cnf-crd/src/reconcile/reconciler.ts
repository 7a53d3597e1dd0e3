import { isSameValue, type Progress } from "@nsmkit/agent/cnf-configuration";
import type { ModelRegistry } from "@nsmkit/api/model";
import { type Clock, CodedError, isCodedError, messageOf } from "@nsmkit/core";
import { type Informer, objectKey, type Reconcile, type Reconciled } from "@nsmkit/kube";
import type { Claims } from "../declared/claims.ts";
import type { Declarations } from "../declared/declarations.ts";
import { byAge, type CnfConfigurationObject } from "../declared/resource.ts";
import { Repairs } from "../repairs.ts";
import type { StoreKeeper } from "../store/keeper.ts";
import type { StoreMirror } from "../store/mirror.ts";
import { type Plan, planChange, planRemoval, takeOverAnnotation } from "../store/plan.ts";
import type { StoreWriter } from "../store/writer.ts";
import type { Outcomes } from "./outcomes.ts";

type Call = Parameters<Reconcile>[1];

export interface StoreReconcilerOptions {
  readonly informer: Informer<CnfConfigurationObject>;
  readonly declarations: Declarations;
  readonly claims: Claims;
  readonly models: ModelRegistry;
  readonly mirror: StoreMirror;
  readonly keeper: StoreKeeper;
  readonly writer: StoreWriter;
  readonly outcomes: Outcomes;
  readonly clock: Clock;
  /** Whether the API server has a resource, asked anew. */
  readonly exists: (key: string, options: { signal: AbortSignal }) => Promise<boolean>;
  /** For messages: where etcd is. */
  readonly etcdName: string;
  /** Keys of the resource were put right after somebody else had changed them. */
  readonly onRepaired: (object: CnfConfigurationObject, keys: readonly string[]) => void;
  /** Keys are free that others may wait for. */
  readonly onReleased: () => void;
}

/** Others change keys of one resource at the same time as we; more often than this in a row is a reason to pause. */
const plansInARow = 5;
/** By then the watch has told of what the API server has. */
const unseenMs = 1_000;

/** Brings the keys of one resource in etcd to what it declares. */
export class StoreReconciler {
  readonly #options: StoreReconcilerOptions;
  readonly #repairs: Repairs;

  constructor(options: StoreReconcilerOptions) {
    this.#options = options;
    this.#repairs = new Repairs(options.clock);
  }

  /** @param key `namespace/name` */
  async reconcile(key: string, call: Call): Promise<Reconciled | undefined> {
    const { informer, declarations, outcomes } = this.#options;
    const object = informer.get(key);
    if (!object) return this.#remove(key, call);
    const { problems } = declarations.of(object);
    if (problems.length > 0) return this.#conclude(object, { kind: "invalid", problems });
    if (!this.#options.keeper.ready) return this.#conclude(object, this.#unavailable());
    try {
      return await this.#store(object, call);
    } catch (error) {
      if (call.signal.aborted || isCodedError(error, "CONFLICT")) throw error;
      if (isCodedError(error, "ABORTED")) this.#options.keeper.take();
      else outcomes.set(key, outcomeOf(object, this.#waiting(error), 0));
      throw lasting(error);
    }
  }

  async #store(object: CnfConfigurationObject, call: Call): Promise<Reconciled | undefined> {
    const key = objectKey(object);
    const { mirror, clock, onRepaired, onReleased } = this.#options;
    let writtenMs = 0;
    for (let attempt = 1; ; attempt++) {
      const plan = this.#plan(object);
      if (plan.kind === "conflict") return this.#conclude(object, { kind: "conflict", problems: plan.problems });
      if (plan.kind === "same") return this.#conclude(object, { kind: "stored" }, writtenMs);
      if (plan.repaired.length > 0) {
        const delayMs = this.#repairs.delayOf(key);
        if (delayMs > 0) return { requeueAfterMs: delayMs };
      }
      const released = mirror.recordOf(key)?.record.keys.length ?? 0;
      if (!(await this.#write(key, plan, attempt, call))) continue;
      writtenMs = clock.monotonic();
      if (plan.repaired.length > 0) {
        this.#repairs.done(key);
        call.logger.warn("keys that somebody else had changed were put right", { keys: plan.repaired });
        onRepaired(object, plan.repaired);
      }
      if (plan.adopted.length > 0)
        call.logger.info("keys that were there already were adopted", { keys: plan.adopted });
      if (released > 0) onReleased();
    }
  }

  #plan(object: CnfConfigurationObject): Plan {
    const { mirror, declarations, models } = this.#options;
    const { uid = "", generation = 0, annotations } = object.metadata;
    return planChange(
      {
        ...{ resource: objectKey(object), uid, generation, pairs: declarations.of(object).pairs },
        takeOver: annotations?.[takeOverAnnotation] === "true",
      },
      mirror,
      {
        isSame: (itemKey, a, b) => isSameValue(models, itemKey, a, b),
        rivalOf: (key) => this.#rivalOf(key, object),
      },
    );
  }

  /** An older resource that declares the key and is not itself refused: where nobody has a key yet, it comes first. */
  #rivalOf(key: string, object: CnfConfigurationObject): string | undefined {
    const { claims, outcomes } = this.#options;
    for (const other of claims.of(key)) {
      if (byAge(other, object) >= 0) return undefined;
      const kind = outcomes.get(objectKey(other))?.progress.kind;
      if (kind !== "invalid" && kind !== "conflict") return objectKey(other);
    }
    return undefined;
  }

  async #remove(key: string, call: Call): Promise<Reconciled | undefined> {
    const { mirror, keeper, outcomes, declarations, exists, onReleased } = this.#options;
    const seen = outcomes.get(key) !== undefined;
    // Its record stays until etcd is back; then all records are looked at.
    if (keeper.ready) {
      // One that this process never saw may be so new that only the last leader did.
      if (!seen && planRemoval(key, mirror).kind === "write" && (await exists(key, call)))
        return { requeueAfterMs: unseenMs };
      await this.#removeKeys(key, call);
    }
    declarations.forget(key);
    outcomes.set(key, undefined);
    this.#repairs.forget(key);
    onReleased();
    return undefined;
  }

  async #removeKeys(key: string, call: Call): Promise<void> {
    const { mirror, keeper } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const plan = planRemoval(key, mirror);
      if (plan.kind !== "write") return;
      try {
        await this.#write(key, plan, attempt, call);
      } catch (error) {
        if (isCodedError(error, "ABORTED") && !call.signal.aborted) keeper.take();
        throw lasting(error);
      }
    }
  }

  /** @returns false when something had changed: plan again */
  async #write(key: string, plan: Plan & { kind: "write" }, attempt: number, call: Call): Promise<boolean> {
    try {
      for (const step of plan.steps) await this.#options.writer.write(key, step, call);
      return true;
    } catch (error) {
      if (!isCodedError(error, "CONFLICT") || attempt >= plansInARow) throw error;
      return false;
    }
  }

  #conclude(object: CnfConfigurationObject, progress: Progress, writtenMs = 0): undefined {
    const { outcomes, onReleased } = this.#options;
    const key = objectKey(object);
    const before = outcomes.get(key)?.progress.kind;
    outcomes.set(key, outcomeOf(object, progress, writtenMs));
    const refused = progress.kind === "invalid" || progress.kind === "conflict";
    // It held others back as long as it might have been the first.
    if (refused && before !== progress.kind) onReleased();
    return undefined;
  }

  #unavailable(): Progress {
    const message = `etcd at ${this.#options.etcdName} cannot be reached; it is written as soon as etcd is back`;
    return { kind: "waiting", reason: "EtcdUnavailable", message };
  }

  /** The same words for the same trouble: each change of them is a write. */
  #waiting(error: unknown): Progress {
    if (isCodedError(error) && error.details.noSpace === true) {
      const message =
        "etcd is out of space and takes no writes; compact and defragment it, then disarm its NOSPACE alarm";
      return { kind: "waiting", reason: "EtcdOutOfSpace", message };
    }
    const away = isCodedError(error) && ["UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"].includes(error.code);
    return away ? this.#unavailable() : { kind: "waiting", reason: "EtcdRefused", message: messageOf(error) };
  }
}

const outcomeOf = ({ metadata }: CnfConfigurationObject, progress: Progress, writtenMs: number) => ({
  ...{ uid: metadata.uid ?? "", generation: metadata.generation ?? 0, progress, writtenMs },
});

/** Whatever etcd says now, it may say something else later. */
function lasting(error: unknown): unknown {
  if (!isCodedError(error) || error.retryable) return error;
  return new CodedError("UNAVAILABLE", messageOf(error), { cause: error });
}
