import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { ConnectionSchema } from "@nsmkit/api/networkservice";
import { FakeNetlink } from "@nsmkit/netlink/testing";
import { livenessCheck } from "./liveness.ts";

const connection = (srcIpAddrs: string[], dstIpAddrs: string[]) =>
  create(ConnectionSchema, {
    mechanism: { type: "KERNEL", parameters: { name: "tap0" } },
    context: { ipContext: { srcIpAddrs, dstIpAddrs } },
  });

async function alive(answering: readonly string[], src: string[], dst: string[], carrier = true): Promise<boolean> {
  const ping = async (_netns: unknown, { destination }: { destination: string }) => ({
    sent: 1,
    received: answering.includes(destination) ? 1 : 0,
    rttMs: [],
  });
  await using netlink = new FakeNetlink({ ping });
  const handle = netlink.handle();
  await handle.linkAdd({ kind: "veth", name: "tap0", up: true, peer: { name: "far", up: carrier } });
  return livenessCheck(handle)(connection(src, dst), { signal: new AbortController().signal });
}

test("a connection lives while every endpoint address of a family that we have answers", async () => {
  assert.equal(await alive(["10.0.0.2"], ["10.0.0.1/24"], ["10.0.0.2/24", "fd00::2/64"]), true);
  assert.equal(await alive(["10.0.0.2"], ["10.0.0.1/24", "fd00::1/64"], ["10.0.0.2/24", "fd00::2/64"]), false);
  assert.equal(await alive([], ["10.0.0.1/24"], ["10.0.0.2/24"]), false);
});

test("a link without carrier is dead whatever answers, and without addresses nothing can be told", async () => {
  assert.equal(await alive(["10.0.0.2"], ["10.0.0.1/24"], ["10.0.0.2/24"], false), false);
  assert.equal(await alive([], [], []), false);
});
