import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parseConfig } from "@nsmkit/core/config";
import { RecordingLogger } from "@nsmkit/core/testing";
import { createTestCa } from "@nsmkit/sdk/testing";
import { type AgentConf, readAgentConf } from "./conf.ts";
import { settings } from "./settings.ts";

async function read(
  files: Record<string, string>,
  env: Record<string, string> = {},
): Promise<{ conf: AgentConf; directory: string; logger: RecordingLogger }> {
  const directory = await mkdtemp(join(tmpdir(), "nsm-agent-conf-"));
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
    const logger = new RecordingLogger();
    return {
      conf: await readAgentConf(parseConfig(settings, { CONFIG_DIR: directory, ...env }), logger),
      directory,
      logger,
    };
  } finally {
    await rm(directory, { recursive: true });
  }
}

test("without any file there are HTTP, the initial configuration, and no gRPC", async () => {
  const { conf, directory } = await read({});
  assert.deepEqual(conf, {
    files: { initial: [join(directory, "initial-config.yaml")], paths: [] },
    http: { endpoint: "0.0.0.0:9191" },
    grpc: undefined,
    scheduler: { history: {} },
    logs: { loggers: [] },
  });
});

test("files of the parts say where to listen and what to follow, relative to their directory", async () => {
  const { conf, directory } = await read({
    "filedb.conf": "configuration-paths: [declared, /etc/cnf]",
    "initfileregistry.conf": "disable-initial-configuration: true",
    "http.conf": "endpoint: 127.0.0.1:8080\nclient-basic-auth: ['ann:secret']",
    "grpc.conf": "endpoint: 0.0.0.0:9111",
  });
  assert.deepEqual(conf.files, { initial: [], paths: [join(directory, "declared"), "/etc/cnf"] });
  assert.deepEqual(
    [conf.http, conf.grpc],
    [
      { endpoint: "127.0.0.1:8080", basicAuth: ["ann:secret"] },
      { place: { network: "tcp", host: "0.0.0.0", port: 9111 }, prometheusMetrics: false },
    ],
  );
});

test("ports in the environment win over the files, and a unix socket can take the place of a port", async () => {
  const ports = await read(
    { "http.conf": "disable: true", "grpc.conf": "endpoint: 0.0.0.0:1" },
    { HTTP_PORT: "9000", GRPC_PORT: "9001" },
  );
  assert.deepEqual(
    [ports.conf.http?.endpoint, ports.conf.grpc?.place],
    ["0.0.0.0:9000", { network: "tcp", host: "0.0.0.0", port: 9001 }],
  );
  const unix = await read({ "grpc.conf": "network: unix\nendpoint: /run/agent.sock", "http.conf": "disable: true" });
  assert.deepEqual([unix.conf.http, unix.conf.grpc?.place], [undefined, { network: "unix", path: "/run/agent.sock" }]);
});

test("settings of files that this agent does not have are told", async () => {
  const { logger } = await read({ "http.conf": "endpiont: 0.0.0.0:1" });
  assert.ok(
    logger.lines.some(
      ({ message, fields }) =>
        message === "settings of a file have no effect in this agent" && String(fields.settings) === "endpiont",
    ),
  );
});

test("kvscheduler.conf and logs.conf say what is kept and logged", async () => {
  const { conf, logger } = await read({
    "kvscheduler.conf":
      "record-transaction-history: true\ntransaction-history-age-limit: 60\npermanently-recorded-init-period: 5\nenable-txn-simulation: true\nprint-txn-summary: false",
    "logs.conf": 'default-level: warn\nloggers: [{name: "linux,", level: debug}]\nhooks: {syslog: {levels: [panic]}}',
    "linux-ifplugin.conf": "disabled: false\ngo-routines-count: 10",
  });
  assert.deepEqual(conf.scheduler, {
    history: { record: true, ageLimitMinutes: 60, permanentlyRecordedInitPeriodMinutes: 5 },
    simulate: true,
  });
  assert.deepEqual(conf.logs, { level: "warn", loggers: [{ name: "linux", level: "debug" }] });
  assert.deepEqual(logger.lines, []);
});

test("grpc.conf says everything about its server", async () => {
  const { conf } = await read({
    "grpc.conf":
      "network: unix\nendpoint: /run/agent.sock\npermission: 0660\nforce-socket-removal: true\nmax-msg-size: 8388608\n" +
      "max-concurrent-streams: 50\ninsecure-transport: true\ncert-file: no.pem\nextended-logging: true\nprometheus-metrics: true",
  });
  assert.deepEqual(conf.grpc, {
    place: { network: "unix", path: "/run/agent.sock", mode: 0o660, takeOver: true },
    maxMessageBytes: 8_388_608,
    maxConcurrentStreams: 50,
    prometheusMetrics: true,
  });
});

test("http.conf says everything about its server, durations with a unit or in nanoseconds", async () => {
  const { conf, logger } = await read({
    "http.conf": `endpoint: 127.0.0.1:1
read-timeout: 20s
read-header-timeout: 3000000000
write-timeout: 0
max-header-bytes: 4096
enable-token-auth: true
users: [{name: ann, password_hash: "$2a$05$abc", permissions: [admin]}]
token-expiration: 60s
password-hash-cost: 7
token-signature: key
rate-limiter: {limit: 2.5, burst: 3}
`,
  });
  assert.deepEqual(conf.http, {
    endpoint: "127.0.0.1:1",
    tokens: {
      users: [{ name: "ann", passwordHash: "$2a$05$abc", permissions: ["admin"] }],
      expirationMs: 60_000,
      key: "key",
    },
    rateLimit: { perSecond: 2.5, burst: 3 },
    limits: { readMs: 20_000, headerMs: 3_000, idleMs: 20_000, headerBytes: 4096 },
  });
  assert.deepEqual(logger.lines, []);
});

test("the files shown in docs/agent.md are read without a word", async () => {
  const page = await readFile(join(import.meta.dirname, "../../../docs/agent.md"), "utf8");
  const shown = (name: string): string =>
    new RegExp(`^\`\`\`text\\n(# ${name}\\n.*?)^\`\`\`$`, "ms").exec(page)?.[1] ?? "";
  const ca = await createTestCa();
  const { certificate, key } = await ca.issue({ path: "/agent" });
  const pem = { certificate: certificate.toString(), key: key.export({ type: "pkcs8", format: "pem" }).toString() };
  const { conf, logger } = await read({
    "grpc.conf": shown("grpc.conf"),
    "http.conf": shown("http.conf"),
    "server.pem": pem.certificate,
    "server.key": pem.key,
    "clients.pem": ca.root.toString(),
    "ca.pem": ca.root.toString(),
  });
  assert.deepEqual([conf.grpc?.place.network, conf.grpc?.tls?.clientCas?.length], ["tcp", 1]);
  assert.deepEqual([conf.http?.tokens?.users.length, conf.http?.limits?.headerMs], [1, 10_000]);
  assert.deepEqual(logger.lines, []);
});

const wrong: [files: Record<string, string>, error: RegExp][] = [
  [
    { "grpc.conf": "network: carrier-pigeon" },
    /grpc.conf: "network" is "carrier-pigeon", must be tcp, tcp4, tcp6 or unix/,
  ],
  [
    { "grpc.conf": "network: unixpacket\nendpoint: /x" },
    /"network" is "unixpacket", which this agent does not have; write unix/,
  ],
  [{ "grpc.conf": "network: unix\nendpoint: x" }, /"endpoint" is "x", must be the path of a socket/],
  [{ "grpc.conf": "endpoint: 9111" }, /grpc.conf: "endpoint" is 9111, must be text/],
  [
    { "grpc.conf": "network: unix\nendpoint: /x\npermission: 999" },
    /"permission" is 999, must be three or four digits/,
  ],
  [{ "grpc.conf": "cert-file: a.pem" }, /grpc.conf: "cert-file" and "key-file" go together; give both/],
  [{ "grpc.conf": "ca-files: [a.pem]" }, /grpc.conf: "ca-files" needs "cert-file" and "key-file"/],
  [
    { "grpc.conf": "cert-file: a.pem\nkey-file: b.pem", "a.pem": "x", "b.pem": "y" },
    /grpc.conf: a.pem and b.pem are no certificate with its key/,
  ],
  [
    { "http.conf": "server-cert-file: a.pem" },
    /http.conf: "server-cert-file" and "server-key-file" go together; give both/,
  ],
  [
    { "http.conf": "server-cert-file: a.pem\nserver-key-file: b.pem" },
    /http.conf: "server-cert-file": a.pem cannot be read: ENOENT/,
  ],
  [
    { "http.conf": "client-basic-auth: [nobody]" },
    /http.conf: an entry of "client-basic-auth" is no user:password pair/,
  ],
  [{ "http.conf": "enable-token-auth: true" }, /"enable-token-auth" is true without "users"; list who may log in/],
  [
    { "http.conf": "enable-token-auth: true\nusers: [{name: ann, password_hash: plain}]" },
    /http.conf: "users\[0\].password_hash" is not accepted, must be a hash as crypt\(3\) makes it/,
  ],
  [{ "linux-l3plugin.conf": "disabled: true" }, /linux-l3plugin.conf: "disabled" is true, but no part of this agent/],
  [{ "logs.conf": "default-level: loud" }, /logs.conf: "default-level" is "loud", must be debug, info, warn or error/],
  [{ "http.conf": "rate-limiter: {limit: 5}" }, /http.conf: "rate-limiter.burst" is 0, must be 1 or more/],
  [{ "http.conf": "read-timeout: soon" }, /http.conf: "read-timeout" is "soon", must be a duration such as "750ms"/],
  [{ "http.conf": "read-timeout: 1s\nReadTimeout: 2s" }, /http.conf: "ReadTimeout" is "read-timeout" too; keep one/],
  [
    { "filedb.conf": "configuration-paths: /etc" },
    /filedb.conf: "configuration-paths" is "\/etc", must be a list of texts/,
  ],
];
for (const [files, error] of wrong) {
  test(`${JSON.stringify(files)} is refused with file, setting and remedy`, async () => {
    await assert.rejects(read(files), error);
  });
}

test("a microservice label that cannot be part of a key is refused", () => {
  assert.throws(
    () => parseConfig(settings, { MICROSERVICE_LABEL: "a/b" }),
    /MICROSERVICE_LABEL="a\/b": is no label; write up to 63 letters/,
  );
});
