import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isCodedError } from "@nsmkit/core";
import { type TxnOperation, ValueState, type ValueStatus } from "@nsmkit/scheduler";
import fc from "fast-check";
import { formatStatus, readStatus, readStatusKey, statusKey } from "./value-status.ts";

const route = "config/linux/l3/v2/route/10.0.0.0/8/eth0";

describe("value statuses in etcd", () => {
  test("a status lies beside its value under config-status", () => {
    const key = statusKey("vpp1", route);
    assert.equal(key, "/vnf-agent/vpp1/config-status/linux/l3/v2/route/10.0.0.0/8/eth0");
    assert.deepEqual(readStatusKey(key), { label: "vpp1", key: route });
  });

  test("only the first config/ of a key is replaced", () => {
    const key = statusKey("a", "config/linux/interfaces/v2/interface/config/x");
    assert.equal(key, "/vnf-agent/a/config-status/linux/interfaces/v2/interface/config/x");
  });

  test("other keys are no status keys", () => {
    for (const key of [
      "/vnf-agent/vpp1/config/linux/l3/v2/route/x",
      "/vnf-agent/vpp1/config-status/",
      "/vnf-agent//config-status/x",
      "/vnf-agent/",
      "",
      Uint8Array.of(0x2f, 0xff),
    ])
      assert.equal(readStatusKey(key), undefined);
  });

  test("the text is the original's JSON with defaults left out", () => {
    assert.equal(
      formatStatus({ key: route, state: "PENDING", last_operation: "UNDEFINED", details: ["eth0 is up"] }),
      `{"key":"${route}","state":"PENDING","details":["eth0 is up"]}`,
    );
  });

  test("enum numbers and camelCase are read too", () => {
    assert.deepEqual(readStatus(`{"key":"config/x","state":9,"error":"no","lastOperation":2}`), {
      key: "config/x",
      state: "FAILED",
      error: "no",
      last_operation: "CREATE",
    });
  });

  test("every status is read back as it was", () => {
    const text = fc.string({ unit: "grapheme", minLength: 1 });
    fc.assert(
      fc.property(
        fc.record<ValueStatus>(
          {
            key: text,
            state: fc.constantFrom(...(Object.keys(ValueState) as ValueState[])),
            error: text,
            last_operation: fc.constantFrom("VALIDATE", "CREATE", "UPDATE", "DELETE" satisfies TxnOperation),
            details: fc.array(text, { minLength: 1 }),
          },
          { requiredKeys: ["key", "state"] },
        ),
        (status) => assert.deepEqual(readStatus(formatStatus(status)), { ...status }),
      ),
    );
  });

  test("anything else is refused with PROTOCOL", () => {
    const isProtocol = (error: unknown): boolean => isCodedError(error, "PROTOCOL");
    for (const text of ["", "{", "null", "[]", `{"state":"BEST"}`, `{"state":99}`, `{"more":1}`])
      assert.throws(() => readStatus(text), isProtocol);
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        try {
          readStatus(bytes);
        } catch (error) {
          assert.ok(isProtocol(error));
        }
      }),
    );
  });
});
