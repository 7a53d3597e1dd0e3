import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { describe, mock, test } from "node:test";
import { CodedError } from "./errors.ts";
import { Deferred } from "./lifecycle.ts";
import { type Program, type ProgramProcess, type Running, runProgram } from "./program.ts";

class TestProcess extends EventEmitter implements ProgramProcess {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly codes: number[] = [];
  out = "";
  err = "";
  readonly stdout = {
    write: (text: string): void => {
      this.out += text;
    },
  };
  readonly stderr = {
    write: (text: string): void => {
      this.err += text;
    },
  };
  constructor(args: string[] = [], env: Record<string, string> = {}) {
    super();
    this.argv = ["node", "main.ts", ...args];
    // Keeps the logger, which writes to the real standard error, out of the test's output.
    this.env = { LOG_LEVEL: "PANIC", ...env };
  }
  exit(code: number): void {
    this.codes.push(code);
  }
}

const settings = { name: { env: "NSM_NAME", type: "string", required: true, text: "Name of the thing." } } as const;

function program(run: Program<typeof settings>["run"], closeTimeoutMs?: number): Program<typeof settings> {
  return { name: "thing", description: "does things", settings, run, ...(closeTimeoutMs && { closeTimeoutMs }) };
}

function running(close: () => Promise<void>, done?: Promise<void>): Running {
  return { close, [Symbol.asyncDispose]: close, ...(done && { done }) };
}

const idle = async (): Promise<Running> => running(async () => {});

describe("before it runs", () => {
  test("--help prints the settings and exits 0", async () => {
    const process = new TestProcess(["--help"]);
    await runProgram(program(idle), process);
    assert.deepEqual(process.codes, [0]);
    assert.match(process.out, /thing: does things[\s\S]*NSM_NAME \(string, required\)[\s\S]*NSM_LOG_LEVEL, LOG_LEVEL/);
  });

  test("--version prints name and version", async () => {
    const process = new TestProcess(["--version"]);
    await runProgram(program(idle), process);
    assert.match(process.out, /^thing \d+\.\d+\.\d+\n$/);
  });

  test("an argument that is no setting is refused", async () => {
    const process = new TestProcess(["--nmae=x"]);
    await runProgram(program(idle), process);
    assert.deepEqual(process.codes, [2]);
    assert.match(process.err, /unknown argument --nmae; see --help/);
  });

  test("wrong settings exit 2, one line each, and the program does not start", async () => {
    let started = false;
    const process = new TestProcess([], { LOG_LEVEL: "LOUD" });
    await runProgram(
      program(async () => {
        started = true;
        return idle();
      }),
      process,
    );
    assert.deepEqual(process.codes, [2]);
    assert.match(
      process.err,
      /^thing: wrong settings\n {2}NSM_NAME: is required.*\n {2}LOG_LEVEL="LOUD": unknown word/,
    );
    assert.equal(started, false);
  });
});

describe("while it runs", () => {
  const env = { NSM_NAME: "x" };
  /** Starts the program and waits until it runs. */
  async function start(close: () => Promise<void>, closeTimeoutMs?: number, done?: Promise<void>) {
    const process = new TestProcess([], env);
    const started = new Deferred<AbortSignal>();
    const end = runProgram(
      program(async (_config, { signal }) => {
        started.resolve(signal);
        return running(close, done);
      }, closeTimeoutMs),
      process,
    );
    return { process, end, signal: await started.promise };
  }

  test("SIGTERM cancels the signal, closes, exits 0 and leaves no listener", async () => {
    const close = mock.fn(async () => {});
    const { process, end, signal } = await start(close);
    process.emit("SIGTERM");
    await end;
    assert.deepEqual([process.codes, close.mock.callCount(), signal.aborted], [[0], 1, true]);
    assert.deepEqual(process.eventNames(), []);
  });

  test("the same Ctrl-C arriving twice is one", async () => {
    const closing = new Deferred<void>();
    const { process, end } = await start(() => closing.promise);
    process.emit("SIGINT");
    process.emit("SIGINT");
    closing.resolve();
    await end;
    assert.deepEqual(process.codes, [0]);
  });

  test("a later second signal exits at once", async () => {
    const closing = new Deferred<void>();
    const { process, end } = await start(() => closing.promise);
    process.emit("SIGTERM");
    await new Promise((resolve) => setTimeout(resolve, 350));
    process.emit("SIGTERM");
    assert.deepEqual(process.codes, [1]);
    closing.resolve();
    await end;
  });

  test("a close that hangs ends in exit 1 after its time", async () => {
    const { process, end } = await start(() => new Promise(() => {}), 20);
    process.emit("SIGTERM");
    await end;
    assert.deepEqual(process.codes, [1]);
  });

  test("a program that ends by itself is closed and exits 0", async () => {
    const close = mock.fn(async () => {});
    const { process, end } = await start(close, undefined, Promise.resolve());
    await end;
    assert.deepEqual([process.codes, close.mock.callCount()], [[0], 1]);
  });

  test("a program that fails while running is closed and exits 1", async () => {
    const close = mock.fn(async () => {});
    const failed = Promise.reject(new CodedError("UNAVAILABLE", "registry is gone"));
    const { process, end } = await start(close, undefined, failed);
    await end;
    assert.deepEqual([process.codes, close.mock.callCount()], [[1], 1]);
  });

  test("failing to start exits 1, unless it was told to stop meanwhile", async () => {
    const failing = new TestProcess([], env);
    await runProgram(
      program(async () => {
        throw new CodedError("ALREADY_EXISTS", "socket is taken");
      }),
      failing,
    );
    assert.deepEqual(failing.codes, [1]);

    const stopped = new TestProcess([], env);
    await runProgram(
      program(async (_config, { signal }) => {
        stopped.emit("SIGTERM");
        signal.throwIfAborted();
        return idle();
      }),
      stopped,
    );
    assert.deepEqual(stopped.codes, [0]);
  });

  test("an unhandled rejection exits 1", async () => {
    const { process, end } = await start(async () => {});
    process.emit("unhandledRejection", new Error("lost"));
    assert.deepEqual(process.codes, [1]);
    process.emit("SIGTERM");
    await end;
  });
});
