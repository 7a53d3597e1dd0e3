import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { ConnectionSchema } from "@nsmkit/api/networkservice";
import { CodedError } from "@nsmkit/core";
import { RecordingLogger } from "@nsmkit/core/testing";
import type { PingOptions } from "@nsmkit/netlink";
import { pingCheck } from "./liveness.ts";

const signal = new AbortController().signal;
const connection = (src: string[], dst: string[], type = "KERNEL") =>
  create(ConnectionSchema, {
    mechanism: { cls: "LOCAL", type },
    context: { ipContext: { srcIpAddrs: src, dstIpAddrs: dst } },
  });

/** @param answered how many of the requests of the n-th call are answered */
function check(answered: (call: number, options: PingOptions) => number) {
  const asked: PingOptions[] = [];
  const logger = new RecordingLogger();
  const ping = async (options: PingOptions) => {
    asked.push(options);
    const sent = options.count ?? 1;
    return { sent, received: Math.min(sent, answered(asked.length, options)), rttMs: [] };
  };
  return { asked, logger, alive: pingCheck(ping, { timeoutMs: 1_000, logger }) };
}

describe("pingCheck", () => {
  test("one answered request per pair is enough, and costs one request", async () => {
    const { asked, alive } = check(() => 1);
    assert.equal(await alive(connection(["172.16.0.1/32"], ["172.16.0.0/32"]), { signal }), true);
    assert.deepEqual(
      asked.map(({ source, destination }) => `${source} ${destination}`),
      ["172.16.0.1 172.16.0.0"],
    );
  });

  test("a lost request is followed by three more; one of them is enough, none is dead", async () => {
    const one = check((call) => (call === 1 ? 0 : 1));
    assert.equal(await one.alive(connection(["10.0.0.1/32"], ["10.0.0.2/32"]), { signal }), true);
    assert.deepEqual(
      one.asked.map(({ count }) => count ?? 1),
      [1, 3],
    );
    const none = check(() => 0);
    assert.equal(await none.alive(connection(["10.0.0.1/32"], ["10.0.0.2/32"]), { signal }), false);
  });

  test("addresses are paired within their family, and every pair must answer", async () => {
    const v6Dead = check((_call, { destination }) => (destination.includes(":") ? 0 : 1));
    const both = connection(["10.0.0.1/32", "fd00::1/128"], ["10.0.0.2/32", "fd00::2/128"]);
    assert.equal(await v6Dead.alive(both, { signal }), false);
    assert.deepEqual(
      new Set(v6Dead.asked.map(({ source, destination }) => `${source} ${destination}`)),
      new Set(["10.0.0.1 10.0.0.2", "fd00::1 fd00::2"]),
    );
  });

  test("other mechanisms and connections without addresses count as alive", async () => {
    const { asked, alive } = check(() => 0);
    assert.equal(await alive(connection(["10.0.0.1/32"], ["10.0.0.2/32"], "MEMIF"), { signal }), true);
    assert.equal(await alive(connection([], []), { signal }), true);
    assert.equal(asked.length, 0);
  });

  test("a process that may not ping says so once, with the remedy, and counts all as alive", async () => {
    const { asked, logger, alive } = check(() => {
      throw new CodedError("PERMISSION_DENIED", "ping is not permitted");
    });
    for (let i = 0; i < 3; i++)
      assert.equal(await alive(connection(["10.0.0.1/32"], ["10.0.0.2/32"]), { signal }), true);
    assert.equal(asked.length, 1);
    assert.deepEqual(
      logger.lines.map(({ level }) => level),
      ["warn"],
    );
    assert.match(String(logger.lines[0]?.fields.remedy), /ping_group_range/);
  });
});
