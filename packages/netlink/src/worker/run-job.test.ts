import assert from "node:assert/strict";
import { test } from "node:test";
import type { Op } from "../api/ops.ts";
import { messageOf } from "../kernel/encode-op.ts";
import { messagesOf, viewOf } from "../nl/message.ts";
import { MessageWriter } from "../nl/writer.ts";
import { addrAdd, linkGet, linkList, linkSet } from "../ops.ts";
import { SystemCallError } from "../os/errno.ts";
import type { Answer, Range } from "./netlink-socket.ts";
import type { Job, SendUnit } from "./protocol.ts";
import { JobRun } from "./run-job.ts";

const ENODEV = 19;
const EEXIST = 17;
const RTM_NEWADDR = 20;
const RTM_SETLINK = 19;

/** Plays the kernel: records message types of each send and lookups, answers each message by a function. */
class Script {
  readonly sends: number[][] = [];
  /** What was asked for, and after how many sends. */
  readonly lookups: [string, number][] = [];
  readonly links = new Map<string, number>();
  readonly #answer: (type: number, payload: DataView, count: number) => Partial<Answer> | undefined;
  #count = 0;

  constructor(
    answer: (type: number, payload: DataView, count: number) => Partial<Answer> | undefined = () => undefined,
  ) {
    this.#answer = answer;
  }

  indexOf(name: string): number | undefined {
    this.lookups.push([name, this.sends.length]);
    return this.links.get(name);
  }

  exchange(bytes: Uint8Array, ranges: readonly Range[]): Answer[] {
    const types: number[] = [];
    this.sends.push(types);
    return ranges.map(({ start, end }) => {
      const view = viewOf(bytes.subarray(start, end));
      const [message] = [...messagesOf(view)];
      assert.ok(message);
      types.push(message.type);
      return { ack: { errno: 0 }, data: [], interrupted: false, ...this.#answer(message.type, view, this.#count++) };
    });
  }
}

const neverDelete = { delete: () => assert.fail("nothing to delete here") };

function jobOf(ops: readonly Op[], extra: Partial<Job> & { readonly marks?: Partial<SendUnit>[] } = {}): Job {
  const writer = new MessageWriter();
  const units = ops.map((op, index): SendUnit => {
    const message = messageOf(op);
    assert.ok(message);
    const start = writer.length;
    message.encode(writer);
    const fixups = writer.takeFixups().map(({ offset, name }) => ({ offset, name, ns: 0 }));
    return {
      run: "send",
      op: index,
      ns: 0,
      start,
      end: writer.length,
      answer: message.answer,
      fixups,
      ...extra.marks?.[index],
    };
  });
  return {
    bytes: writer.bytes().slice(),
    namespaces: [{ fd: -1, label: "test" }],
    units,
    stopOnError: false,
    ...extra,
  };
}

const run = (job: Job, script: Script) => new JobRun(job, { socket: () => script }, neverDelete).run();

test("a batch that continues goes in one send", async () => {
  const script = new Script();
  const outcomes = await run(jobOf([linkSet("a", { up: true }), linkSet("b", { up: true })]), script);
  assert.deepEqual(outcomes, [null, null]);
  assert.equal(script.sends.length, 1);
});

test("a batch that stops sends each message alone, and none after a failure", async () => {
  const script = new Script((_, __, count) => (count === 1 ? { ack: { errno: EEXIST } } : undefined));
  const ops = ["a", "b", "c"].map((name) => linkSet(name, { up: true }));
  const outcomes = await run(jobOf(ops, { stopOnError: true }), script);
  assert.deepEqual(outcomes, [null, { errno: EEXIST }, { skipped: true }]);
  assert.equal(script.sends.length, 2);
});

test("names are looked up once and written into the messages, which still go in one send", async () => {
  const indexes: number[] = [];
  const script = new Script((_, view) => {
    indexes.push(view.getUint32(20, true));
    return undefined;
  });
  script.links.set("eth0", 7).set("eth1", 8);
  const ops = ["eth0", "eth1", "eth0"].map((link) => addrAdd({ link, address: "10.0.0.1/24" }));
  assert.deepEqual(await run(jobOf(ops), script), [null, null, null]);
  assert.deepEqual(
    script.lookups.map(([name]) => name),
    ["eth0", "eth1"],
  );
  assert.equal(script.sends.length, 1);
  assert.deepEqual(indexes, [7, 8, 7]);
});

test("a name that does not exist fails its own op alone", async () => {
  const ops = [addrAdd({ link: "nope", address: "10.0.0.1/24" }), linkSet("a", { up: true })];
  assert.deepEqual(await run(jobOf(ops), new Script()), [{ errno: ENODEV, missingLink: "nope" }, null]);
});

test("what makes a link is sent before its name is looked up", async () => {
  const script = new Script();
  script.links.set("x", 7);
  const job = jobOf([linkSet("x", { up: true }), addrAdd({ link: "x", address: "10.0.0.1/24" })], {
    marks: [{ creates: true }],
  });
  assert.deepEqual(await run(job, script), [null, null]);
  assert.deepEqual(script.sends, [[RTM_SETLINK], [RTM_NEWADDR]]);
  assert.deepEqual(script.lookups, [["x", 1]]);
});

test("a name is looked up again after a rename, when that has been sent", async () => {
  const script = new Script();
  script.links.set("x", 7);
  const ops = [
    addrAdd({ link: "x", address: "10.0.0.1/24" }),
    linkSet("y", { up: true }),
    addrAdd({ link: "x", address: "10.0.0.2/24" }),
  ];
  await run(jobOf(ops, { marks: [{}, { renames: true }] }), script);
  assert.deepEqual(script.lookups, [
    ["x", 0],
    ["x", 1],
  ]);
});

test("an interrupted dump is read again, and told of if it never ends well", async () => {
  const twice = new Script((_, __, count) => ({ interrupted: count < 2, data: [Uint8Array.of(count)] }));
  assert.deepEqual(await run(jobOf([linkList()]), twice), [{ data: [Uint8Array.of(2)] }]);
  const always = new Script((_, __, count) => ({ interrupted: true, data: [Uint8Array.of(count)] }));
  assert.deepEqual(await run(jobOf([linkList()]), always), [{ data: [Uint8Array.of(3)], interrupted: true }]);
  assert.equal(always.sends.length, 4);
});

test("an undo runs only for an op that got half-way", async () => {
  const undoOf = async (failing: number | undefined) => {
    const script = new Script((_, __, count) => (count === failing ? { ack: { errno: EEXIST } } : undefined));
    const ops = ["a", "b", "c"].map((name) => linkSet(name, { up: true }));
    const marks = [{ op: 0 }, { op: 0 }, { op: 0, undo: true }];
    await run(jobOf(ops, { marks }), script);
    return script.sends.flat().length === 3;
  };
  assert.equal(await undoOf(undefined), false);
  assert.equal(await undoOf(0), true, "the second message worked");
  assert.equal(await undoOf(1), true, "the first message worked");
});

test("a failure of the socket is the outcome of what was to be sent", async () => {
  const broken = {
    exchange: () => {
      throw new SystemCallError(EEXIST, "send a netlink request");
    },
    indexOf: () => undefined,
  };
  const job = jobOf([linkSet("a", { up: true }), linkGet("a"), linkList()]);
  const outcomes = await new JobRun(job, { socket: () => broken }, neverDelete).run();
  assert.deepEqual(outcomes, new Array(3).fill({ errno: EEXIST, doing: "send a netlink request" }));
});

test("many messages are split so that their answers fit into the socket's buffer", async () => {
  const script = new Script();
  await run(jobOf(Array.from({ length: 250 }, () => linkSet("a", { up: true }))), script);
  assert.deepEqual(
    script.sends.map((types) => types.length),
    [100, 100, 50],
  );
});
