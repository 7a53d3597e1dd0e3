import assert from "node:assert/strict";
import { FakeClock, settle } from "@nsmkit/core/testing";
import { createScheduler, type Scheduler, type StartedTransaction, type Transaction } from "../index.ts";
import type { ResyncKind, RetryOptions, TransactionResult } from "../transaction.ts";
import type { ValueStatus } from "../value.ts";
import { type TestValue, testDescriptor } from "./descriptor.ts";
import { FakeSouthbound, type HangingCall, type SouthboundOperation } from "./southbound.ts";

/**
 * Runs a scenario: one step a line, empty lines and lines that begin with # ignored. Steps:
 *
 *   descriptors PREFIX[:no-retrieve][:timeout=MS][:concurrency=N] …   first line: what can be configured
 *   set KEY [needs=K,K] [any-of=PREFIX,…] [derives=K,K<-NEED+NEED] [claims=NAME,…] [content=X] [mold=X] [invalid=FIELD,…]
 *   delete KEY
 *   commit [retry[=MSxCOUNT]] [revert] [resync=full|upstream|downstream]   begins what set and delete collected
 *   plan                         instead of commit; the plan is compared with the "> " lines that follow
 *   notify KEY | notify-gone KEY southbound changes by itself
 *   appear KEY | lose KEY        the southbound has a value, or not, without anyone having said so
 *   fail OPERATION KEY [COUNT] [takes-effect]
 *   hang OPERATION KEY [deaf] | release OPERATION KEY
 *   register PREFIX              one more descriptor
 *   wait MS
 *   expect KEY STATE [DETAIL …]
 *   expect-ops                   operations since the last expect-ops are exactly the "> " lines that follow
 *   expect-southbound KEY …      exactly these exist
 *   expect-errors [KEY:CODE …]   of the last commit; CODE may be "-" for an error without code
 *   expect-superseded KEY …      of the commit before the last
 *   expect-settled yes|no        the last commit
 */
export async function runScenario(text: string): Promise<void> {
  const lines = text.split("\n").map((line, i) => ({ text: line.trim(), number: i + 1 }));
  const steps = lines.filter((line) => line.text !== "" && !line.text.startsWith("#"));
  const stage = new Stage();
  try {
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i];
      if (!step) break;
      const output: string[] = [];
      for (; steps[i + 1]?.text.startsWith("> "); i++) output.push((steps[i + 1]?.text ?? "").slice(2));
      const [verb = "", ...words] = step.text.split(/\s+/);
      try {
        await stage.play(verb, words, output);
      } catch (error) {
        throw new Error(`line ${step.number}: ${step.text}: ${error instanceof Error ? error.message : error}`, {
          cause: error,
        });
      }
    }
    assert.deepEqual(stage.southbound.violations, []);
  } finally {
    await stage.close();
  }
}

class Stage {
  readonly clock = new FakeClock();
  readonly southbound = new FakeSouthbound(this.clock);
  readonly #hangs = new Map<string, HangingCall>();
  readonly #started: { txn: StartedTransaction; result: TransactionResult | undefined }[] = [];
  #scheduler: Scheduler | undefined;
  #collecting: Transaction | undefined;

  get scheduler(): Scheduler {
    assert.ok(this.#scheduler, "a scenario begins with a line of descriptors");
    return this.#scheduler;
  }

  async play(verb: string, words: string[], output: string[]): Promise<void> {
    const [first = "", second = "", ...rest] = words;
    if (verb === "descriptors") {
      const descriptors = words.map((word) => descriptorOf(this.southbound, word));
      this.#scheduler = createScheduler({ clock: this.clock, descriptors });
    } else if (verb === "set" || verb === "delete") {
      this.#collecting ??= this.scheduler.transaction();
      if (verb === "set") this.#collecting.set(first, valueFrom(words.slice(1)));
      else this.#collecting.delete(first);
    } else if (verb === "commit") await this.#commit(words);
    else if (verb === "plan") {
      const planned = this.#take().plan();
      assert.deepEqual(
        planned.map(({ Operation, Key, NewState }) => `${Operation} ${Key} ${NewState}`),
        output,
      );
    } else if (verb === "fail") {
      const times = Number(rest[0] ?? 1) || 1;
      this.southbound.fail(operation(first), second, { times, takesEffect: rest.includes("takes-effect") });
    } else if (verb === "hang") {
      this.#hangs.set(
        `${first} ${second}`,
        this.southbound.hang(operation(first), second, { deaf: rest.includes("deaf") }),
      );
    } else if (verb.startsWith("expect")) this.#expect(verb, words, output);
    else await this.#happen(verb, first, second);
  }

  async #happen(verb: string, first: string, second: string): Promise<void> {
    if (verb === "notify") this.scheduler.notify({ key: first, value: {} });
    else if (verb === "notify-gone") this.scheduler.notify({ key: first });
    else if (verb === "appear") this.southbound.values.set(first, {});
    else if (verb === "lose") assert.ok(this.southbound.values.delete(first), "there is no such value to lose");
    else if (verb === "register") this.scheduler.register(descriptorOf(this.southbound, first));
    else if (verb === "release") {
      const hang = this.#hangs.get(`${first} ${second}`);
      assert.ok(hang, "nothing like this was told to hang");
      hang.release();
    } else assert.equal(verb, "wait", "unknown step");
    await this.clock.advance(verb === "wait" ? Number(first) : 0);
    await settle();
  }

  #take(): Transaction {
    const txn = this.#collecting ?? this.scheduler.transaction();
    this.#collecting = undefined;
    return txn;
  }

  async #commit(words: string[]): Promise<void> {
    const flags = new Map(words.map((word) => word.split("=", 2) as [string, string | undefined]));
    const retry = flags.has("retry") ? retryFrom(flags.get("retry")) : false;
    const resync = flags.get("resync") as ResyncKind | undefined;
    const txn = this.#take().start({ retry, revertOnFailure: flags.has("revert"), ...(resync ? { resync } : {}) });
    const entry: { txn: StartedTransaction; result: TransactionResult | undefined } = { txn, result: undefined };
    this.#started.push(entry);
    txn.settled.then(
      (result) => {
        entry.result = result;
      },
      () => {},
    );
    await this.clock.advance(0);
    await settle();
  }

  #expect(verb: string, words: string[], output: string[]): void {
    const last = this.#started.at(-1);
    const expected = [...words].sort();
    if (verb === "expect") {
      const [key = "", state, ...details] = words;
      const status = statusIn(this.scheduler, key);
      assert.deepEqual(
        [status.state, ...(status.details ?? []).map((d) => d.replaceAll(" ", "-"))],
        [state, ...details],
      );
    } else if (verb === "expect-ops") assert.deepEqual(this.southbound.take(), output);
    else if (verb === "expect-southbound") assert.deepEqual([...this.southbound.values.keys()].sort(), expected);
    else if (verb === "expect-settled") assert.equal(last?.result ? "yes" : "no", words[0]);
    else if (verb === "expect-errors") {
      const errors = (last?.result?.errors ?? []).map(({ key, error }) => `${key}:${codeOf(error)}`);
      assert.deepEqual(errors.sort(), expected);
    } else if (verb === "expect-superseded") {
      assert.deepEqual(this.#started.at(-2)?.result?.superseded, expected);
    } else assert.fail("unknown step");
  }

  async close(): Promise<void> {
    const closed = this.#scheduler?.close();
    for (const hang of this.#hangs.values()) hang.release();
    await closed;
  }
}

function statusIn(scheduler: Scheduler, key: string): ValueStatus {
  for (const { derived_values = [] } of scheduler.statuses()) {
    const derived = derived_values.find((status) => status.key === key);
    if (derived) return derived;
  }
  return scheduler.status(key).value;
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "-";
}

function operation(word: string): SouthboundOperation {
  assert.ok(word === "create" || word === "update" || word === "delete", `${word} is no operation`);
  return word;
}

function retryFrom(text: string | undefined): boolean | RetryOptions {
  if (text === undefined) return true;
  const [periodMs, maxCount] = text.split("x").map(Number);
  return { ...(periodMs === undefined ? {} : { periodMs }), ...(maxCount === undefined ? {} : { maxCount }) };
}

function descriptorOf(southbound: FakeSouthbound, word: string) {
  const [prefix = "", ...flags] = word.split(":");
  const settings = new Map(flags.map((flag) => flag.split("=", 2) as [string, string | undefined]));
  const timeout = settings.get("timeout");
  const concurrency = settings.get("concurrency");
  return testDescriptor(southbound, prefix, {
    retrievable: !settings.has("no-retrieve"),
    ...(timeout === undefined ? {} : { timeoutMs: Number(timeout) }),
    ...(concurrency === undefined ? {} : { concurrency: Number(concurrency) }),
  });
}

function valueFrom(words: string[]): TestValue {
  const fields = words.map((word) => {
    const [name = "", text = ""] = word.split(/=(.*)/s, 2);
    if (name === "content" || name === "mold") return [name, text];
    if (name === "derives") return [name, Object.fromEntries(text.split(",").map(derivedFrom))];
    assert.ok(["needs", "any-of", "claims", "invalid"].includes(name), `${name} is no field of a value`);
    return [name === "any-of" ? "anyOf" : name, text.split(",")];
  });
  return Object.fromEntries(fields);
}

function derivedFrom(text: string): [string, TestValue] {
  const [key = "", needs] = text.split("<-", 2);
  return [key, needs === undefined ? {} : { needs: needs.split("+") }];
}
