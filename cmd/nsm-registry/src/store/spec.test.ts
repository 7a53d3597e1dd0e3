import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { equals } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { NetworkServiceEndpointSchema } from "@nsmkit/api/registry";
import fc from "fast-check";
import { endpoint, service } from "../testing/replicas.ts";
import { mergePatch } from "./json.ts";
import { derivedNameOf, objectNameOf } from "./name.ts";
import { readEndpoint, readService, writeEndpoint, writeService } from "./spec.ts";

describe("the spec of an object", () => {
  test("is an endpoint by the JSON tags of upstream's Go struct", () => {
    const entry = endpoint({
      name: "nse-1",
      networkServiceNames: ["icmp"],
      networkServiceLabels: { icmp: { labels: { app: "web" } }, bare: {} },
      url: "tcp://10.0.0.1:5001",
      expirationTime: timestampFromMs(1_700_000_000_250),
      initialRegistrationTime: timestampFromMs(1_700_000_000_000),
      pathIds: ["spiffe://k8s.nsm/a", "spiffe://k8s.nsm/b"],
    });
    assert.deepEqual(writeEndpoint(entry), {
      name: "nse-1",
      network_service_names: ["icmp"],
      network_service_labels: { icmp: { labels: { app: "web" } }, bare: {} },
      url: "tcp://10.0.0.1:5001",
      expiration_time: { seconds: 1_700_000_000, nanos: 250_000_000 },
      initial_registration_time: { seconds: 1_700_000_000 },
      path_ids: ["spiffe://k8s.nsm/a", "spiffe://k8s.nsm/b"],
    });
    assert.ok(equals(NetworkServiceEndpointSchema, readEndpoint(writeEndpoint(entry)), entry));
  });

  test("is a service with its matches, and is read in v0.2's spelling too", () => {
    const entry = service({
      name: "chain",
      payload: "ETHERNET",
      matches: [
        {
          sourceSelector: { app: "firewall" },
          routes: [{ destinationSelector: { app: "web" }, weight: 2 }],
          fallthrough: true,
          metadata: { labels: { via: "eth1" } },
        },
      ],
    });
    assert.deepEqual(writeService(entry), {
      name: "chain",
      payload: "ETHERNET",
      matches: [
        {
          source_selector: { app: "firewall" },
          routes: [{ destination_selector: { app: "web" }, weight: 2 }],
          fallthrough: true,
          metadata: { labels: { via: "eth1" } },
        },
      ],
    });
    const old = readService({
      payload: "IP",
      matches: [
        {
          match: null,
          sourceSelector: { app: "a" },
          route: [{ destination: null, destinationSelector: { app: "b" } }],
        },
      ],
    });
    assert.deepEqual(writeService(old), {
      payload: "IP",
      matches: [{ source_selector: { app: "a" }, routes: [{ destination_selector: { app: "b" } }] }],
    });
  });

  test("is written and read back without loss, whatever the entry holds", () => {
    const labels = fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 });
    const time = fc.integer({ min: 0, max: 4e12 });
    fc.assert(
      fc.property(
        fc.record({
          name: fc.string(),
          url: fc.string(),
          names: fc.array(fc.string(), { maxLength: 3 }),
          labels: fc.dictionary(fc.string(), labels, { maxKeys: 3 }),
          end: fc.option(time),
          first: fc.option(time),
          pathIds: fc.array(fc.string(), { maxLength: 3 }),
        }),
        ({ name, url, names, labels: byService, end, first, pathIds }) => {
          const entry = endpoint({
            ...{ name, url, pathIds },
            networkServiceNames: names,
            networkServiceLabels: Object.fromEntries(Object.entries(byService).map(([k, v]) => [k, { labels: v }])),
            ...(end !== null && { expirationTime: timestampFromMs(end) }),
            ...(first !== null && { initialRegistrationTime: timestampFromMs(first) }),
          });
          const back = readEndpoint(JSON.parse(JSON.stringify(writeEndpoint(entry))));
          assert.ok(equals(NetworkServiceEndpointSchema, back, entry));
        },
      ),
    );
  });

  test("that is anything else is refused with INVALID_CONFIG, never otherwise", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.jsonValue(),
          fc.record({ matches: fc.jsonValue(), name: fc.jsonValue(), expiration_time: fc.jsonValue() }),
          fc.record({ network_service_labels: fc.jsonValue(), path_ids: fc.jsonValue() }),
        ),
        (json) => {
          for (const read of [readEndpoint, readService]) {
            try {
              read(json);
            } catch (error) {
              assert.equal((error as { code?: unknown }).code, "INVALID_CONFIG");
            }
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

test("a merge patch makes of any object any other", () => {
  const json = fc.dictionary(
    fc.string(),
    fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        fc.string(),
        fc.integer(),
        fc.array(fc.integer()),
        fc.dictionary(fc.string(), tie("value")),
      ),
    })).value,
  );
  const apply = (target: unknown, patch: unknown): unknown => {
    if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
    const base: Record<string, unknown> =
      typeof target === "object" && target !== null && !Array.isArray(target) ? { ...target } : {};
    for (const [key, value] of Object.entries(patch)) {
      if (value === null) delete base[key];
      else base[key] = apply(base[key], value);
    }
    return base;
  };
  fc.assert(
    fc.property(json, json, (before, after) => {
      // A key "__proto__" is one that no field has.
      fc.pre(!JSON.stringify([before, after]).includes("__proto__"));
      const wire = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
      assert.deepEqual(wire(apply(before, mergePatch(before, after) ?? {})), wire(after));
    }),
  );
});

describe("the name of an object", () => {
  test("is the entry's where Kubernetes takes it, as upstream's", () => {
    for (const name of ["nse-1", "a.b-c.d", "x", "1", "a".repeat(253)]) assert.equal(objectNameOf(name), name);
  });

  test("is otherwise a valid one that no other entry has", () => {
    const valid = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
    const part = fc.oneof(fc.string(), fc.stringMatching(/^[A-Za-z0-9._@-]{0,300}$/));
    fc.assert(
      fc.property(part, (name) => {
        for (const made of [objectNameOf(name), derivedNameOf(name)]) {
          assert.match(made, valid);
          assert.ok(made.length <= 253);
        }
      }),
    );
    assert.notEqual(objectNameOf("Nse_A"), objectNameOf("nse-A"));
  });
});
