import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  formatDuration,
  parseConfig,
  parseDuration,
  parseListenAddress,
  type SettingsSpec,
  settingsTable,
  ValueError,
} from "./config.ts";
import { isCodedError } from "./errors.ts";

const spec = {
  name: { env: "NSM_NAME", type: "string", default: "nsmgr", text: "Name." },
  listenOn: { env: "NSM_LISTEN_ON", type: "urls", default: "unix:///run/nsm.sock", text: "Listeners." },
  registryUrl: {
    env: "NSM_REGISTRY_URL",
    type: "url",
    default: "tcp://localhost:5001",
    empty: "a registry inside this program.",
    text: "Registry.",
  },
  dialTimeoutMs: { env: "NSM_DIAL_TIMEOUT", type: "duration", default: "750ms", min: 1, text: "Dial." },
  labels: { env: "NSM_LABELS", type: "map", default: "p2p:true,", empty: "no labels.", text: "Labels." },
  mtuBytes: { env: "NSM_MTU", type: "integer", min: 68, max: 9000, unit: "bytes", text: "MTU." },
  liveness: { env: "NSM_LIVENESS", type: "boolean", default: "true", text: "Liveness." },
  mechanism: { env: "NSM_MECHANISM", type: "enum", values: ["kernel", "memif"], default: "kernel", text: "Mechanism." },
  level: { env: "NSM_LOG_LEVEL", aliases: ["LOG_LEVEL"], type: "string", default: "INFO", text: "Level." },
} as const satisfies SettingsSpec;

const parsed = (env: Record<string, string>) => parseConfig(spec, env);

function problems(env: Record<string, string>, of: SettingsSpec = spec): string[] {
  try {
    parseConfig(of, env);
  } catch (error) {
    assert.ok(isCodedError(error, "INVALID_CONFIG"));
    return error.message.split("\n");
  }
  return [];
}

describe("parseConfig", () => {
  test("an empty environment gives the defaults, typed", () => {
    const config = parsed({});
    const name: string = config.name;
    const mtu: number | undefined = config.mtuBytes;
    const registry: string | undefined = config.registryUrl;
    assert.deepEqual(
      { name, mtu, registry, listen: config.listenOn, dial: config.dialTimeoutMs, labels: config.labels },
      {
        name: "nsmgr",
        mtu: undefined,
        registry: "tcp://localhost:5001",
        listen: ["unix:///run/nsm.sock"],
        dial: 750,
        labels: { p2p: "true" },
      },
    );
  });

  test("an empty variable counts as unset unless the setting gives it a meaning", () => {
    const config = parsed({ NSM_NAME: "", NSM_DIAL_TIMEOUT: " ", NSM_REGISTRY_URL: "", NSM_LABELS: "" });
    assert.equal(config.name, "nsmgr");
    assert.equal(config.dialTimeoutMs, 750);
    assert.equal(config.registryUrl, undefined);
    assert.deepEqual(config.labels, {});
  });

  test("an alias is used when the first name is not set, and only then", () => {
    assert.equal(parsed({ LOG_LEVEL: "DEBUG" }).level, "DEBUG");
    assert.equal(parsed({ LOG_LEVEL: "DEBUG", NSM_LOG_LEVEL: "WARN" }).level, "WARN");
  });

  test("every wrong setting is reported at once, with name, value and remedy", () => {
    const lines = problems({ NSM_LISTEN_ON: "ftp://x", NSM_MTU: "9001", NSM_LIVENESS: "yes", NSM_MECHANISM: "sriov" });
    assert.deepEqual(lines, [
      'NSM_LISTEN_ON="ftp://x": scheme "ftp" is not possible here; write unix:///path/to/socket or tcp://host:port',
      'NSM_MTU="9001": too large; write at most 9000',
      'NSM_LIVENESS="yes": neither true nor false; write "true" or "false"',
      'NSM_MECHANISM="sriov": unknown word; write one of kernel, memif',
    ]);
  });

  test("a missing required setting says what it is for", () => {
    const required = { s: { env: "NSM_NETWORK_SERVICES", type: "list", required: true, text: "Services." } } as const;
    assert.deepEqual(problems({}, required), ["NSM_NETWORK_SERVICES: is required; set it: Services."]);
    assert.deepEqual(problems({ NSM_NETWORK_SERVICES: "" }, required).length, 1);
  });

  test("the value of a secret setting is not in the message", () => {
    const secret = { s: { env: "KEY", type: "integer", secret: true, text: "Key." } } as const;
    assert.deepEqual(problems({ KEY: "hunter2" }, secret), [
      'KEY="***": not a whole number; write decimal digits only',
    ]);
  });

  test("a check of the setting's own is reported like the others", () => {
    const check = (value: string): void => {
      if (value.length > 15) throw new ValueError("longer than 15 characters", "shorten it");
    };
    const own = { s: { env: "NSM_IF", type: "string", check, text: "Interface." } } as const;
    assert.deepEqual(problems({ NSM_IF: "a".repeat(16) }, own), [
      `NSM_IF="${"a".repeat(16)}": longer than 15 characters; shorten it`,
    ]);
  });
});

describe("values", () => {
  const urls = (text: string) => parsed({ NSM_LISTEN_ON: text }).listenOn;

  test("URLs: unix paths, abstract names, host-less tcp, and host:port for tcp", () => {
    assert.deepEqual(urls("unix:///a/b.sock, unix://@abs,tcp://:5001,tcp://[fd00::1]:5001,registry:5002"), [
      "unix:///a/b.sock",
      "unix://@abs",
      "tcp://:5001",
      "tcp://[fd00::1]:5001",
      "tcp://registry:5002",
    ]);
  });

  for (const bad of ["unix://relative", "unix:///", "tcp://host", "tcp://host:99999", "tcp://a b:1", "x", "a,,b"])
    test(`"${bad}" is no list of URLs`, () => assert.equal(problems({ NSM_LISTEN_ON: bad }).length, 1));

  test("maps take : and =, the first of them ends the key, and a key may not occur twice", () => {
    assert.deepEqual(parsed({ NSM_LABELS: "a:b,c=d:e, f = g " }).labels, { a: "b", c: "d:e", f: "g" });
    assert.match(problems({ NSM_LABELS: "a:b,a:c" })[0] ?? "", /"a" occurs twice/);
    assert.match(problems({ NSM_LABELS: ":b" })[0] ?? "", /not key:value/);
    assert.deepEqual(Object.keys(parsed({ NSM_LABELS: "__proto__:x" }).labels), ["__proto__"]);
  });

  for (const [text, ms] of [
    ["10m", 600_000],
    ["750ms", 750],
    ["1h2m3s", 3_723_000],
    ["1.5s", 1500],
    [".5s", 500],
    ["100us", 0.1],
    ["0", 0],
  ] as const)
    test(`duration ${text} is ${ms} ms`, () => assert.equal(parseDuration(text), ms));

  for (const bad of ["10", "1d", "-1s", "s", "1s ", "1s2", "", "1..5s", "٣s"])
    test(`"${bad}" is no duration`, () => assert.throws(() => parseDuration(bad), ValueError));

  test("formatDuration writes what parseDuration reads", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e12 }), (ms) => assert.equal(parseDuration(formatDuration(ms)), ms)),
    );
  });

  test("no text makes parseConfig throw anything but INVALID_CONFIG", () => {
    const names = Object.values(spec).map((setting) => setting.env);
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), fc.string({ unit: "binary" })), (env) => {
        problems(env);
      }),
    );
  });
});

test("the table has a row per setting and escapes pipes", () => {
  const table = settingsTable({ s: { env: "A", type: "string", default: "x|y", text: "One | two." } });
  assert.equal(table.split("\n")[2], "| `A` | string | `x\\|y` | One \\| two. |");
  assert.equal(settingsTable(spec).trim().split("\n").length, 2 + Object.keys(spec).length);
});

test("an address to listen on is a port with or without an address", () => {
  assert.deepEqual(parseListenAddress(":8081"), { port: 8081 });
  assert.deepEqual(parseListenAddress("127.0.0.1:0"), { host: "127.0.0.1", port: 0 });
  assert.deepEqual(parseListenAddress("[::1]:80"), { host: "::1", port: 80 });
  for (const bad of ["8081", "name:1", ":65536", "[::1:1", "1.2.3:80", ""])
    assert.throws(() => parseListenAddress(bad), ValueError, bad);
});
