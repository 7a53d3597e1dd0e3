import assert from "node:assert/strict";
import { test } from "node:test";
import { State } from "@nsmkit/api/networkservice";
import { CodedError } from "@nsmkit/core";
import fc from "fast-check";
import { chain } from "../../../chain/chain.ts";
import { RecordingEnd, requestOf, testContext } from "../../../testing/elements.ts";
import type { NetworkServiceKind } from "../../core/kind.ts";
import { formatAddress, parsePrefix } from "../../core/prefix.ts";
import { beginServer } from "../../core/rules.ts";
import { parseCidrGroups } from "./cidr-groups.ts";
import { pointToPointIpam } from "./point-to-point.ts";
import { AddressPool, Exclusions } from "./pool.ts";
import { PrefixSet } from "./prefix-set.ts";

function setUp(groups: readonly (readonly string[])[], options: { readonly strict?: boolean } = {}) {
  const end = new RecordingEnd();
  const all = chain<NetworkServiceKind>([beginServer(), pointToPointIpam({ groups, ...options })], end);
  const ask = async (id: string, ipContext: object = {}, state = State.UP) => {
    const reply = await all.request(testContext(), requestOf({ id, state, context: { ipContext } }));
    const {
      srcIpAddrs: src = [],
      dstIpAddrs: dst = [],
      srcRoutes = [],
      dstRoutes = [],
    } = reply.context?.ipContext ?? {};
    const routes = [srcRoutes, dstRoutes].map((each) => each.map(({ prefix }) => prefix));
    return { reply, src, dst, routes };
  };
  return { all, ask, end };
}

test("the endpoint gets the lower address and the client the next, with routes to each other", async () => {
  const { src, dst, routes } = await setUp([["172.16.1.100/31"]]).ask("c");
  assert.deepEqual([dst, src], [["172.16.1.100/32"], ["172.16.1.101/32"]]);
  assert.deepEqual(routes, [["172.16.1.100/32"], ["172.16.1.101/32"]]);
});

test("IPv6 works alike", async () => {
  const { src, dst } = await setUp([["fd00:1::/64"]]).ask("c");
  assert.deepEqual([dst, src], [["fd00:1::/128"], ["fd00:1::1/128"]]);
});

test("every group gives a pair, and within a group the next CIDR follows when one is full", async () => {
  const { ask } = setUp([["10.0.0.0/31", "10.1.0.0/31"], ["fd00::/127"]]);
  assert.deepEqual((await ask("a")).src, ["10.0.0.1/32", "fd00::1/128"]);
  await assert.rejects(ask("b"), { code: "RESOURCE_EXHAUSTED", message: /fd00::\/127/ });
});

test("a request that fails in its second group gives back what the first gave", async () => {
  const { ask } = setUp([["10.0.0.0/30"], ["fd00::/128"]]);
  await assert.rejects(ask("a"), { code: "RESOURCE_EXHAUSTED" });
  await assert.rejects(ask("b"), { message: /fd00/ });
});

test("a refresh keeps the pair and adds nothing twice", async () => {
  const { all, ask } = setUp([["10.0.0.0/24"]]);
  const { reply } = await ask("c");
  const again = await all.request(testContext(), requestOf(reply));
  assert.deepEqual(again.context?.ipContext, (await ask("c")).reply.context?.ipContext);
});

test("close and a failed first request give the addresses back", async () => {
  const { all, ask, end } = setUp([["10.0.0.0/31"]]);
  await all.close(testContext(), (await ask("a")).reply);
  end.reply = () => Promise.reject(new CodedError("UNAVAILABLE", "no"));
  await assert.rejects(ask("b"), /no/);
  end.reply = (connection) => connection;
  assert.deepEqual((await ask("c")).src, ["10.0.0.1/32"]);
});

test("excluded addresses are not handed out", async () => {
  const { ask } = setUp([["10.0.0.0/24"]]);
  const excludedPrefixes = ["10.0.0.0/30", "10.0.0.5/32", "nonsense"];
  const { src, dst } = await ask("c", { excludedPrefixes });
  assert.deepEqual([dst, src], [["10.0.0.4/32"], ["10.0.0.6/32"]]);
});

test("a pair that is excluded later is replaced, and its routes with it", async () => {
  const { ask } = setUp([["10.0.0.0/24"]]);
  const { src, dst } = await ask("c");
  const given = { srcIpAddrs: src, dstIpAddrs: dst, srcRoutes: [{ prefix: dst[0] }], dstRoutes: [{ prefix: src[0] }] };
  const next = await ask("c", { ...given, excludedPrefixes: ["10.0.0.1/32"] });
  assert.deepEqual([next.dst, next.src], [["10.0.0.0/32"], ["10.0.0.2/32"]]);
  assert.deepEqual(next.routes, [["10.0.0.0/32"], ["10.0.0.2/32"]]);
});

test("a client that comes with free addresses of ours gets them", async () => {
  const { ask } = setUp([["10.0.0.0/24"]]);
  const { src, dst } = await ask("c", { srcIpAddrs: ["10.0.0.9/32"], dstIpAddrs: ["10.0.0.8/32"] });
  assert.deepEqual([dst, src], [["10.0.0.8/32"], ["10.0.0.9/32"]]);
});

test("a client cannot take what another one has", async () => {
  const { ask } = setUp([["10.0.0.0/24"]]);
  const first = await ask("a");
  const second = await ask("b", { srcIpAddrs: first.src, dstIpAddrs: ["10.0.0.8/32"] });
  assert.ok(second.src.includes("10.0.0.3/32"));
  const third = await ask("c", { srcIpAddrs: ["10.0.0.9/32"], dstIpAddrs: ["10.0.0.8/32"] });
  assert.deepEqual(third.src, ["10.0.0.9/32"]);
});

test("foreign addresses stay when polite, and go when strict, with their routes", async () => {
  const foreign = { srcIpAddrs: ["192.0.2.1/32", "garbage"], dstRoutes: [{ prefix: "192.0.2.1/32" }] };
  assert.deepEqual((await setUp([["10.0.0.0/24"]]).ask("c", foreign)).src, ["192.0.2.1/32", "garbage", "10.0.0.1/32"]);
  const strict = await setUp([["10.0.0.0/24"]], { strict: true }).ask("c", foreign);
  assert.deepEqual([strict.src, strict.routes[1]], [["10.0.0.1/32"], ["10.0.0.1/32"]]);
});

test("a client that lost its endpoint keeps addresses that can be claimed and no others", async () => {
  const { ask } = setUp([["10.0.0.0/24"]]);
  const context = {
    srcIpAddrs: ["192.0.2.1/32"],
    dstIpAddrs: ["192.0.2.0/32"],
    srcRoutes: [{ prefix: "192.0.2.0/32" }, { prefix: "0.0.0.0/0" }],
  };
  const { src, dst, routes } = await ask("c", context, State.RESELECT_REQUESTED);
  assert.deepEqual([src, dst, routes[0]], [["10.0.0.1/32"], ["10.0.0.0/32"], ["0.0.0.0/0", "10.0.0.0/32"]]);
});

test("no CIDR, an empty group and what is no CIDR are refused when the element is made", () => {
  for (const groups of [[], [[]], [["10.0.0.0"]], [["10.0.0.0/33"]], [["10.0/8"]], [["fe80::%eth0/64"]]])
    assert.throws(() => pointToPointIpam({ groups }), { code: "INVALID_ARGUMENT" });
});

test("ten thousand connections from one pool take time in proportion", async () => {
  const { ask } = setUp([["10.0.0.0/16"]]);
  const block = async (from: number): Promise<number> => {
    const start = performance.now();
    for (let at = from; at < from + 2_000; at++) await ask(`c${at}`);
    return performance.now() - start;
  };
  const times: number[] = [];
  for (let from = 0; from < 10_000; from += 2_000) times.push(await block(from));
  // A list of ten thousand would make the last block several times slower than the second.
  assert.ok((times[4] ?? 0) < 3 * (times[1] ?? 0) + 50, `blocks of 2,000 took ${times.map(Math.round).join(", ")} ms`);
});

test("CIDR groups are read as upstream writes them", () => {
  assert.deepEqual(parseCidrGroups("10.0.0.0/8"), [["10.0.0.0/8"]]);
  assert.deepEqual(parseCidrGroups("10.0.0.0/8, fd00::/64"), [["10.0.0.0/8"], ["fd00::/64"]]);
  assert.deepEqual(parseCidrGroups("[10.0.0.0/8,fd00::/64],[10.1.0.0/16]"), [
    ["10.0.0.0/8", "fd00::/64"],
    ["10.1.0.0/16"],
  ]);
  for (const text of ["", "x", "[10.0.0.0/8", "10.0.0.0/8,", "[[10.0.0.0/8]]", "[]", "10.0.0.0/8]"])
    assert.throws(() => parseCidrGroups(text), { code: "INVALID_ARGUMENT" }, text);
});

test("addresses are written as they are read", () => {
  const bytes = fc.oneof(fc.ipV4(), fc.ipV6());
  fc.assert(
    fc.property(bytes, (text) => {
      const prefix = parsePrefix(text);
      if (!prefix) return assert.ok(text.includes("%"));
      assert.deepEqual(parsePrefix(formatAddress(prefix)), prefix);
    }),
  );
});

for (const text of [
  "10.1",
  "010.0.0.1",
  "0x7f.1.1.1",
  "10.0.0.1/",
  "10.0.0.1/-1",
  "10.0.0.1/33",
  "::1/129",
  "1::2::3",
  "",
  "a",
  "10.0.0.1 ",
])
  test(`${JSON.stringify(text)} is no prefix`, () => assert.equal(parsePrefix(text), undefined));

test("a pool of eight addresses behaves like a list of eight addresses", () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant("take" as const), excluded: fc.array(fc.nat(7), { maxLength: 3 }) }),
    fc.record({ do: fc.constant("free" as const), at: fc.nat(7) }),
    fc.record({ do: fc.constant("claim" as const), at: fc.nat(9) }),
  );
  const address = (at: number) => ({ width: 32 as const, value: BigInt(0x0a00_0000 + at), length: 32 });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const pool = new AddressPool("10.0.0.0/29");
      const taken = new Set<number>();
      for (const each of steps) {
        if (each.do === "take") {
          const expected = [0, 1, 2, 3, 4, 5, 6, 7].find((at) => !taken.has(at) && !each.excluded.includes(at));
          const got = pool.take(new Exclusions(each.excluded.map((at) => `10.0.0.${at}/32`)));
          assert.equal(got && Number(got.value) - 0x0a00_0000, expected);
          if (expected !== undefined) taken.add(expected);
        } else if (each.do === "claim") {
          const free = each.at < 8 && !taken.has(each.at);
          assert.equal(pool.claim(address(each.at), new Exclusions([])), free);
          if (free) taken.add(each.at);
        } else {
          pool.free(address(each.at));
          taken.delete(each.at);
        }
      }
      assert.equal(pool.unused, taken.size === 0);
    }),
  );
});

test("neighbours that are all in a set make one prefix", () => {
  const set = new PrefixSet(32);
  for (let at = 0; at < 256; at++) set.add({ width: 32, value: BigInt(0x0a00_0000 + at), length: 32 });
  assert.deepEqual(set.prefixes(), [{ width: 32, value: 0x0a00_0000n, length: 24 }]);
});
