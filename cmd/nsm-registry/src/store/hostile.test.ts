import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import { type NetworkService, type NetworkServiceEndpoint, NetworkServiceSchema } from "@nsmkit/api/registry";
import { isCodedError } from "@nsmkit/core";
import fc from "fast-check";
import { endpoint, Replicas } from "../testing/replicas.ts";

/** Without "__proto__", which the API server in memory cannot merge. */
const text = fc.oneof(
  fc.string().filter((each) => each !== "__proto__"),
  fc.constantFrom("constructor", "..", "A/B", "x".repeat(300)),
);
const labels = fc.dictionary(text, text, { maxKeys: 3 });
const time = fc.record({
  seconds: fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.bigInt({ min: 0n, max: 5_000n })),
  nanos: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
});

const names = ({ networkServiceLabels, networkServiceNames, url }: NetworkServiceEndpoint): unknown => [
  networkServiceNames,
  Object.entries(networkServiceLabels)
    .map(([name, { labels: inner }]) => [name, { ...inner }] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1)),
  url,
];

test("whatever endpoint is registered, others find it as it came, and no object is left that cannot be read", async () => {
  const entry = fc.record(
    {
      name: text.filter((name) => name !== "" && !name.includes("@")),
      url: text,
      networkServiceNames: fc.array(
        text.filter((name) => !name.includes("@")),
        { maxLength: 3 },
      ),
      labels: fc.dictionary(text, labels, { maxKeys: 3 }),
      expirationTime: time,
      initialRegistrationTime: time,
    },
    { requiredKeys: ["name", "labels"] },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { maxLength: 4 }), async (entries) => {
      await using all = new Replicas();
      const [a, b] = [await all.start(), await all.start()];
      const last = new Map<string, NetworkServiceEndpoint>();
      for (const { labels: given, expirationTime, initialRegistrationTime, ...rest } of entries) {
        const asked = endpoint({
          ...rest,
          networkServiceLabels: Object.fromEntries(
            Object.entries(given).map(([name, inner]) => [name, { labels: inner }]),
          ),
          ...(expirationTime && { expirationTime: create(TimestampSchema, expirationTime) }),
          ...(initialRegistrationTime && { initialRegistrationTime: create(TimestampSchema, initialRegistrationTime) }),
        });
        last.set(rest.name, asked);
        await a.endpoints.request(all.context(), asked);
      }
      await all.settled();
      assert.equal(a.counts.unreadable + b.counts.unreadable, 0);
      for (const found of await all.endpoints(b))
        assert.deepEqual(names(found), names(last.get(found.name) as NetworkServiceEndpoint));
      // Those that asked for a time that is over are gone, the others are there.
      await all.clock.advance(1);
      assert.deepEqual(await all.names(b), await all.names(a));
    }),
    { numRuns: 200 },
  );
});

test("whatever service is registered is found as it came, or refused with a code", async () => {
  const match = fc.record({
    sourceSelector: labels,
    routes: fc.array(fc.record({ destinationSelector: labels, weight: fc.nat() }), { maxLength: 2 }),
    fallthrough: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(
      text.filter((name) => !name.includes("@")),
      fc.array(match, { maxLength: 3 }),
      async (name, matches) => {
        await using all = new Replicas();
        const a = await all.start();
        const asked: NetworkService = create(NetworkServiceSchema, { name, matches });
        try {
          await a.services.request(all.context(), asked);
        } catch (error) {
          assert.ok(isCodedError(error, "INVALID_ARGUMENT") && name === "");
          return;
        }
        const [found] = await all.services(a);
        assert.equal(found?.name, name);
        assert.equal(found?.matches.length, matches.length);
      },
    ),
    { numRuns: 100 },
  );
});
