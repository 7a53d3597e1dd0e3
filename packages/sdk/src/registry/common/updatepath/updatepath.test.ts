import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isCodedError } from "@nsmkit/core";
import { FakeClock } from "@nsmkit/core/testing";
import fc from "fast-check";
import { chain } from "../../../chain/index.ts";
import type { NseKind } from "../../core/kinds.ts";
import { contextFor, endpoint, fakeCall, fakeIdentity, tokenOf } from "../../testing/calls.ts";
import { formatPath, parsePath, pathKey, subjectOf } from "./path.ts";
import { tokensEndKey, updatePathServer } from "./server.ts";

const clock = new FakeClock();

/** Serves one registration. @returns what went down and what came back */
async function register(call: ReturnType<typeof fakeCall>, pathIds: string[] = []) {
  let below: { path: unknown; tokensEnd: unknown; pathIds: string[] } | undefined;
  const served = chain<NseKind>([updatePathServer(fakeIdentity("spiffe://t/server", clock, 300_000))], {
    request: async (ctx, entry) => {
      const path = ctx.require(pathKey);
      below = { path: structuredClone(path), tokensEnd: ctx.get(tokensEndKey), pathIds: [...entry.pathIds] };
      // The registry behind adds its own hop.
      path.tokens.push("behind");
      return entry;
    },
    close: async () => {},
    find: async function* () {},
  });
  await served.request(contextFor(clock, call), endpoint({ name: "nse", pathIds }));
  return { below, header: call.headers.get("path") };
}

describe("updatepath", () => {
  test("an empty path gets a segment for the caller and one for us, and the caller's index back", async () => {
    const call = fakeCall({ from: "spiffe://t/nse", path: '{"Index":0,"PathSegments":null}' });
    const { below, header } = await register(call);
    assert.deepEqual(below?.path, { index: 1, tokens: [tokenOf("spiffe://t/nse"), tokenOf("spiffe://t/server")] });
    assert.deepEqual(below?.pathIds, ["spiffe://t/nse", "spiffe://t/server"]);
    const back = parsePath(header ?? "");
    assert.deepEqual([back.index, back.tokens.length, back.tokens[2]], [0, 3, "behind"]);
  });

  test("a later hop appends, a refresh replaces", async () => {
    const first = { index: 1, tokens: [tokenOf("spiffe://t/nse"), "old"] };
    const appended = await register(fakeCall({ from: "spiffe://t/nsmgr", path: formatPath(first) }), ["a", "b"]);
    const tokens = [first.tokens[0], tokenOf("spiffe://t/nsmgr"), tokenOf("spiffe://t/server")];
    assert.deepEqual(appended.below?.path, { index: 2, tokens });
    assert.deepEqual(appended.below?.pathIds, ["a", "spiffe://t/nsmgr", "spiffe://t/server"]);
    const again = { index: 1, tokens: [first.tokens[0] ?? "", "old", "old-too"] };
    const replaced = await register(fakeCall({ from: "spiffe://t/nsmgr", path: formatPath(again) }));
    assert.deepEqual(replaced.below?.path, { index: 2, tokens });
  });

  test("a caller that sends no path gets none back", async () => {
    const { below, header } = await register(fakeCall({ from: "spiffe://t/nse" }));
    assert.deepEqual([below?.pathIds, header], [["spiffe://t/nse", "spiffe://t/server"], undefined]);
  });

  test("the earlier end of the two tokens bounds the registration", async () => {
    const early = await register(fakeCall({ from: "spiffe://t/nse", tokenEndsMs: 1_000 }));
    const none = await register(fakeCall());
    assert.deepEqual([early.below?.tokensEnd, none.below?.tokensEnd], [1_000, 300_000]);
  });
});

describe("the path header", () => {
  for (const [text, problem] of [
    ["", "is no JSON"],
    ["[]", "is no object"],
    ['{"Index":-1}', "points behind"],
    ['{"Index":1,"PathSegments":[{"token":"a"}]}', "points behind"],
    ['{"Index":0.5}', "points behind"],
    ['{"PathSegments":{}}', "is no list"],
    ['{"PathSegments":[{"token":1}]}', "without a token"],
    ['{"PathSegments":[{"token":"a b"}]}', "without a token"],
    [`{"PathSegments":[${"{},".repeat(64)}{}]}`, "is no list"],
  ] as const)
    test(`${text.slice(0, 50)} is refused: ${problem}`, () =>
      assert.throws(() => parsePath(text), { code: "INVALID_ARGUMENT", message: new RegExp(problem) }));

  test("what is written is read back", () => {
    const token = fc.stringMatching(/^[\x21-\x7e]{0,20}$/);
    fc.assert(
      fc.property(fc.array(token, { minLength: 1, maxLength: 5 }), fc.nat(), (tokens, at) => {
        const path = { index: at % tokens.length, tokens };
        assert.deepEqual(parsePath(formatPath(path)), path);
      }),
    );
  });

  test("no text makes it throw anything but INVALID_ARGUMENT", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        try {
          parsePath(text);
        } catch (error) {
          assert.ok(isCodedError(error, "INVALID_ARGUMENT"));
        }
      }),
    );
  });

  test("no token makes the subject anything but a text", () => {
    fc.assert(fc.property(fc.string(), (text) => typeof subjectOf(text) === "string"));
    assert.equal(subjectOf(tokenOf("spiffe://t/x")), "spiffe://t/x");
    assert.equal(subjectOf(`a.${Buffer.from('{"sub":1}').toString("base64url")}.`), "");
  });
});
