import assert from "node:assert/strict";
import { test } from "node:test";
import { CodedError, Deferred } from "@nsmkit/core";
import type { Netlink, Netns, OpResult, Step } from "@nsmkit/netlink";
import { RemovalQueue } from "./removal.ts";

const namespaces = new Map(["a", "b", "c"].map((key) => [key, { label: key } as Netns]));
const place = (key: string, index: number) => ({ key, netns: namespaces.get(key) as Netns, index });

/** Says what a deletion in a namespace comes to. */
type Answer = (namespace: string, links: readonly number[]) => CodedError | undefined | Promise<CodedError | undefined>;

function start(answer: Answer = () => undefined) {
  const deleted: string[] = [];
  const execute = async (steps: readonly Step[]): Promise<OpResult[][]> => {
    const [step] = steps;
    const [op] = step?.ops ?? [];
    assert.ok(op?.op === "linkDelete" && step?.netns);
    deleted.push(`${step.netns.label}: ${op.links.join(" ")}`);
    const error = await answer(step.netns.label, op.links as number[]);
    return [[error ? { ok: false, error } : { ok: true, value: undefined }]];
  };
  return { deleted, queue: new RemovalQueue({ execute } as unknown as Netlink) };
}

const missing = (...links: number[]) => new CodedError("NOT_FOUND", "no such links", { details: { missing: links } });

test("links removed together leave in one group, in the namespace that most of them share", async () => {
  const { deleted, queue } = start();
  await Promise.all([
    queue.remove([place("a", 2), place("c", 12)]),
    queue.remove([place("b", 2), place("c", 13)]),
    queue.remove([place("a", 5)]),
  ]);
  assert.deepEqual(deleted.sort(), ["a: 2 5", "c: 13"]);
});

test("what comes in while a group is being deleted leaves with the next one", async () => {
  const first = new Deferred<undefined>();
  const { deleted, queue } = start((_, links) => (links[0] === 1 ? first.promise : undefined));
  const one = queue.remove([place("a", 1)]);
  await new Promise((resolve) => setImmediate(resolve));
  const others = [queue.remove([place("a", 2)]), queue.remove([place("a", 3)])];
  assert.deepEqual(deleted, ["a: 1"]);
  first.resolve(undefined);
  await Promise.all([one, ...others]);
  assert.deepEqual(deleted, ["a: 1", "a: 2 3"]);
  await queue.idle();
});

test("a link that is not in one namespace any more is removed by its other end", async () => {
  const { deleted, queue } = start((_, links) => (links.includes(2) ? missing(2) : undefined));
  await Promise.all([queue.remove([place("a", 2), place("b", 9)]), queue.remove([place("a", 3)])]);
  assert.deepEqual(deleted, ["a: 2 3", "b: 9"]);
});

test("a link that is nowhere any more counts as removed", async () => {
  const { queue } = start((_, links) => missing(...links));
  await queue.remove([place("a", 2), place("b", 9)]);
  await queue.remove([]);
});

test("the kernel's refusal is told, and later removals go on", async () => {
  const { queue } = start((namespace) => (namespace === "a" ? new CodedError("PERMISSION_DENIED", "no") : undefined));
  await assert.rejects(queue.remove([place("a", 2)]), { code: "PERMISSION_DENIED" });
  await queue.remove([place("b", 2)]);
});
