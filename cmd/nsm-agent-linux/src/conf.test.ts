import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parseConfig } from "@nsmkit/core/config";
import { RecordingLogger } from "@nsmkit/core/testing";
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
    http: { endpoint: "0.0.0.0:9191", basicAuth: [] },
    grpc: undefined,
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
    [{ endpoint: "127.0.0.1:8080", basicAuth: ["ann:secret"] }, "tcp://0.0.0.0:9111"],
  );
});

test("ports in the environment win over the files, and a unix socket can take the place of a port", async () => {
  const ports = await read(
    { "http.conf": "disable: true", "grpc.conf": "endpoint: 0.0.0.0:1" },
    { HTTP_PORT: "9000", GRPC_PORT: "9001" },
  );
  assert.deepEqual([ports.conf.http?.endpoint, ports.conf.grpc], ["0.0.0.0:9000", "tcp://0.0.0.0:9001"]);
  const unix = await read({ "grpc.conf": "network: unix\nendpoint: /run/agent.sock", "http.conf": "disable: true" });
  assert.deepEqual([unix.conf.http, unix.conf.grpc], [undefined, "unix:///run/agent.sock"]);
});

test("settings of files that this agent does not have are told", async () => {
  const { logger } = await read({ "http.conf": "enable-token-auth: true" });
  assert.ok(
    logger.lines.some(
      ({ message, fields }) =>
        message === "settings of a file have no effect in this agent" &&
        String(fields.settings) === "enable-token-auth",
    ),
  );
});

const wrong: [files: Record<string, string>, error: RegExp][] = [
  [{ "grpc.conf": "network: carrier-pigeon" }, /grpc.conf: "network" is "carrier-pigeon", must be tcp or unix/],
  [{ "grpc.conf": "cert-file: a.pem" }, /grpc.conf: "cert-file" is set, but this agent serves gRPC without TLS only/],
  [
    { "http.conf": "server-cert-file: a.pem" },
    /http.conf: "server-cert-file" and "server-key-file" go together; give both/,
  ],
  [{ "http.conf": "server-cert-file: a.pem\nserver-key-file: b.pem" }, /http.conf: a.pem cannot be read: ENOENT/],
  [
    { "http.conf": "client-basic-auth: [nobody]" },
    /http.conf: an entry of "client-basic-auth" is no user:password pair/,
  ],
  [
    { "filedb.conf": "configuration-paths: /etc" },
    /filedb.conf: "configuration-paths" is "\/etc", must be a list of texts/,
  ],
];
for (const [files, error] of wrong) {
  test(`${Object.entries(files).join()} is refused with file, setting and remedy`, async () => {
    await assert.rejects(read(files), error);
  });
}

test("a microservice label that cannot be part of a key is refused", () => {
  assert.throws(
    () => parseConfig(settings, { MICROSERVICE_LABEL: "a/b" }),
    /MICROSERVICE_LABEL="a\/b": is no label; write up to 63 letters/,
  );
});
