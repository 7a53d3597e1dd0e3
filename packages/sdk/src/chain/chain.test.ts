import assert from "node:assert/strict";
import { test } from "node:test";
import { chain } from "./chain.ts";
import { Context } from "./context.ts";
import type { Element, Handler } from "./element.ts";
import { key } from "./key.ts";

interface Text {
  request: string;
  reply: string;
  closing: string;
  query: string;
  found: string;
}

const end: Handler<Text> = {
  request: async (_, request) => `${request}!`,
  close: async () => {},
  find: async function* (_, query) {
    yield query;
  },
};
const ctx = (): Context => new Context({ signal: new AbortController().signal });
const named = (name: string, more: Partial<Element<Text>> = {}): Element<Text> => ({ name, ...more });

test("elements run in the order of the list and see the reply in the opposite one", async () => {
  const around = (name: string): Element<Text> =>
    named(name, {
      request: async (c, request, next) => `${await next.request(c, request + name)}${name}`,
    });
  await using three = chain([around("a"), named("idle"), around("b")], end);
  assert.equal(await three.request(ctx(), "-"), "-ab!ba");
});

test("a method that no element has goes straight to the end", async () => {
  await using one = chain([named("a")], end);
  assert.deepEqual(await Array.fromAsync(one.find(ctx(), "q")), ["q"]);
});

test("a chain without a required element cannot be built", () => {
  assert.throws(() => chain([named("refresh", { requires: ["begin"] })], end), {
    code: "INVALID_ARGUMENT",
    message: 'chain element "refresh" needs "begin" above it',
  });
});

test("a required element further down does not count", () => {
  assert.throws(() => chain([named("a", { requires: ["b"] }), named("b")], end), { code: "INVALID_ARGUMENT" });
});

test("a requirement may name the role", () => {
  const list = [named("token", { role: "server" }), named("authorize", { requires: ["server/token"] })];
  assert.deepEqual(chain(list, end).elements, ["server/token", "authorize"]);
  assert.throws(() => chain([named("token", { role: "client" }), ...list.slice(1)], end), /needs "server\/token"/);
});

test("an element cannot stand twice in a chain in one role", () => {
  assert.throws(() => chain([named("a"), named("a")], end), /"a" occurs twice/);
  assert.doesNotThrow(() => chain([named("a", { role: "server" }), named("a", { role: "client" })], end));
});

test("a server element cannot stand below a client element", () => {
  const list = [named("dial", { role: "client" }), named("authorize", { role: "server" })];
  assert.throws(() => chain(list, end), /"server\/authorize" stands below "client\/dial"/);
});

test("a value set by an element reaches the elements below it and nobody else", async () => {
  const colour = key<string>("colour");
  const seen: (string | undefined)[] = [];
  const sets = named("sets", { request: (c, request, next) => next.request(c.with(colour, "blue"), request) });
  const reads = named("reads", {
    request: async (c, request, next) => {
      seen.push(c.get(colour));
      return next.request(c, request);
    },
  });
  await using both = chain([sets, reads], end);
  const outer = ctx();
  await both.request(outer, "-");
  assert.deepEqual([seen, outer.get(colour)], [["blue"], undefined]);
});

test("stop reaches every element, the last one first, even if one fails", async () => {
  const stopped: string[] = [];
  const stops = (name: string): Element<Text> => named(name, { stop: async () => void stopped.push(name) });
  const fails = named("fails", { stop: () => Promise.reject(new Error("no")) });
  await assert.rejects(chain([stops("a"), fails, stops("b")], end).stop(), /no/);
  assert.deepEqual(stopped, ["b", "a"]);
});
