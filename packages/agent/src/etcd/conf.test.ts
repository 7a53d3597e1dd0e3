import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { isCodedError } from "@nsmkit/core";
import { RecordingLogger } from "@nsmkit/core/testing";
import fc from "fast-check";
import { openEtcd } from "./client/client.ts";
import { type EtcdConf, readEtcdConf } from "./conf.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** What a text in etcd.conf comes to, and what was logged. */
async function read(
  text: string,
  environment: Environment = {},
  files: Readonly<Record<string, string>> = {},
): Promise<{ conf: EtcdConf; logged: string[] }> {
  const directory = await mkdtemp(join(tmpdir(), "nsm-etcd-conf-"));
  const logger = new RecordingLogger();
  try {
    for (const [name, content] of Object.entries({ ...files, "etcd.conf": text }))
      await writeFile(join(directory, name), content);
    const conf = await readEtcdConf(undefined, { directory, environment, logger });
    assert.ok(conf);
    return { conf, logged: logger.lines.map(({ message }) => message) };
  } finally {
    await rm(directory, { recursive: true });
  }
}

describe("etcd.conf", () => {
  test("an empty file has the original's defaults", async () => {
    const { conf, logged } = await read("");
    assert.deepEqual(
      { ...conf, path: "" },
      {
        path: "",
        client: { endpoints: ["http://127.0.0.1:2379"], dialTimeoutMs: 1000, operationTimeoutMs: 3000 },
        sessionTtlSeconds: 5,
        allowDelayedStart: false,
        reconnectIntervalMs: 2000,
        resyncAfterReconnect: false,
        autoCompactMs: undefined,
        expandVariables: false,
      },
    );
    assert.deepEqual(logged, []);
  });

  test("a file as the original ships it is read, with nanoseconds or with units", async () => {
    const text = (durations: string[]): string => `
insecure-transport: true
dial-timeout: ${durations[0]}
operation-timeout: ${durations[1]}
endpoints:
 - "172.17.0.1:2379"
 - http://other:2379
auto-compact: ${durations[2]}
reconnect-interval: ${durations[3]}
allow-delayed-start: true
resync-after-reconnect: true
session-ttl: 7
expand-env-variables: true
`;
    for (const durations of [
      ["10000000000", "2500000000", "3600000000000", "500000000"],
      ["10s", "2.5s", "1h", "500ms"],
    ]) {
      const { conf, logged } = await read(text(durations));
      assert.deepEqual(conf.client, {
        endpoints: ["http://172.17.0.1:2379", "http://other:2379"],
        dialTimeoutMs: 10_000,
        operationTimeoutMs: 2500,
      });
      assert.deepEqual(
        [conf.autoCompactMs, conf.reconnectIntervalMs, conf.sessionTtlSeconds, conf.expandVariables],
        [3_600_000, 500, 7, true],
      );
      assert.deepEqual([conf.allowDelayedStart, conf.resyncAfterReconnect], [true, true]);
      assert.deepEqual(logged, []);
    }
  });

  test("the environment names endpoints only where the file does not", async () => {
    const both = { ETCD_ENDPOINTS: "a:1, http://b:2", ETCDV3_ENDPOINTS: "c:3" };
    assert.deepEqual((await read("", both)).conf.client.endpoints, ["http://a:1", "http://b:2"]);
    assert.deepEqual((await read("endpoints: []", both)).conf.client.endpoints, ["http://a:1", "http://b:2"]);
    assert.deepEqual((await read("", { ETCDV3_ENDPOINTS: "c:3" })).conf.client.endpoints, ["http://c:3"]);
    assert.deepEqual((await read("endpoints: [d:4]", both)).conf.client.endpoints, ["http://d:4"]);
  });

  test("any value of ETCD_EXPAND_ENV_VARS counts", async () => {
    assert.equal((await read("", { ETCD_EXPAND_ENV_VARS: "no" })).conf.expandVariables, true);
    assert.equal((await read("", { ETCD_EXPAND_ENV_VARS: "" })).conf.expandVariables, false);
  });

  test("certificates mean TLS, insecure-transport none, and half a pair is no certificate", async () => {
    const files = { "ca.pem": "CA", "c.pem": "CERT", "k.pem": "KEY" };
    const full = await read("ca-file: ca.pem\ncert-file: c.pem\nkey-file: k.pem\nendpoints: [h:1]", {}, files);
    assert.deepEqual(full.conf.client.tls, { ca: "CA", cert: "CERT", key: "KEY" });
    assert.deepEqual(full.conf.client.endpoints, ["h:1"]);
    const insecure = await read("ca-file: ca.pem\ninsecure-transport: true\nendpoints: [h:1]", {}, files);
    assert.equal(insecure.conf.client.tls, undefined);
    const half = await read("ca-file: ca.pem\ncert-file: c.pem", {}, files);
    assert.deepEqual([half.conf.client.tls, half.logged.length], [{ ca: "CA" }, 1]);
    const skip = await read("insecure-skip-tls-verify: true\nendpoints: [h:1, 'https://s:2']");
    assert.deepEqual(skip.conf.client.tls, { skipVerify: true });
    assert.deepEqual(skip.conf.client.endpoints, ["http://h:1", "https://s:2"]);
    await assert.rejects(read("ca-file: missing.pem"), /"ca-file": missing.pem cannot be read/);
  });

  test("unknown settings are told, and durations that cannot be meant", async () => {
    const { conf, logged } = await read("endpoint: a\ndial-timeout: 5");
    assert.deepEqual(logged, ["a duration without a unit is in nanoseconds", "settings of a file have no effect"]);
    assert.equal(conf.client.dialTimeoutMs, 1);
  });

  test("no file and an empty ETCD_CONFIG mean no etcd, which is said once", async () => {
    for (const given of [undefined, "", "/no/such.conf"]) {
      const logger = new RecordingLogger();
      assert.equal(await readEtcdConf(given, { directory: "/no", environment: {}, logger }), undefined);
      assert.deepEqual(
        logger.lines.map(({ level, message }) => [level, message]),
        [["info", "etcd is not used"]],
      );
    }
  });

  test("a user and a password go to the client", async () => {
    const { conf, logged } = await read("user: agent\npassword: secret");
    assert.deepEqual([conf.client.user, conf.client.password, logged], ["agent", "secret", []]);
  });

  test("whatever is in the file, it is read or refused as INVALID_CONFIG, and endpoints are checked by the client", async () => {
    const names = [
      "endpoints",
      "dial-timeout",
      "session-ttl",
      "ca-file",
      "insecure-transport",
      "auto-compact",
      "password",
    ];
    const value = fc.oneof(fc.jsonValue(), fc.string(), fc.constantFrom("1s", "-1s", "1e99h", "NaN", -1, 2 ** 53));
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string(),
          fc.dictionary(fc.constantFrom(...names), value).map((object) => JSON.stringify(object)),
        ),
        async (text) => {
          try {
            const { conf } = await read(text);
            await openEtcd(conf.client).close();
          } catch (error) {
            assert.ok(isCodedError(error, "INVALID_CONFIG") || isCodedError(error, "INVALID_ARGUMENT"), String(error));
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});
