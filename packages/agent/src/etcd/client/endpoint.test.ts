import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isCodedError } from "@nsmkit/core";
import fc from "fast-check";
import { readEndpoints } from "./endpoint.ts";

describe("endpoints of etcd", () => {
  for (const [text, target, secure, secureWithCertificates] of [
    ["127.0.0.1:2379", "tcp://127.0.0.1:2379", false, true],
    ["etcd.svc:2379", "tcp://etcd.svc:2379", false, true],
    ["[::1]:2379", "tcp://[::1]:2379", false, true],
    [" host:1 ", "tcp://host:1", false, true],
    ["http://host:2379", "tcp://host:2379", false, false],
    ["https://host:2379", "tcp://host:2379", true, true],
    ["http://host:2379/", "tcp://host:2379/", false, false],
    ["unix:///run/etcd.sock", "unix:///run/etcd.sock", false, false],
    ["unixs:///run/etcd.sock", "unix:///run/etcd.sock", true, true],
    ["unix://localhost:2379", "unix:localhost:2379", false, false],
  ] as const) {
    test(`${JSON.stringify(text)} is dialled as ${target}`, () => {
      const [plain] = readEndpoints({ endpoints: [text] });
      assert.deepEqual([plain?.target, plain?.tls !== undefined], [target, secure]);
      const [other] = readEndpoints({ endpoints: [text], tls: { skipVerify: true } });
      assert.equal(other?.tls !== undefined, secureWithCertificates);
    });
  }

  test("what is no endpoint is refused by its text", () => {
    for (const text of ["", "host", "host:0", ":2379", "ftp://host:1", "host:99999", "http://", "http://host/path:1"])
      assert.throws(
        () => readEndpoints({ endpoints: [text] }),
        (error) => isCodedError(error, "INVALID_ARGUMENT") && error.message.includes(JSON.stringify(text)),
      );
    assert.throws(() => readEndpoints({ endpoints: [] }), /no endpoint/);
  });

  test("certificates that are none are refused", () => {
    const endpoints = ["https://host:1"];
    assert.throws(() => readEndpoints({ endpoints, tls: { cert: "x", key: "y" } }), /certificates cannot be used/);
  });

  test("any text is read or refused as INVALID_ARGUMENT", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.webUrl(),
          fc.string().map((text) => `unix://${text}`),
        ),
        (text) => {
          try {
            readEndpoints({ endpoints: [text] });
          } catch (error) {
            assert.ok(isCodedError(error, "INVALID_ARGUMENT"), String(error));
          }
        },
      ),
    );
  });
});
