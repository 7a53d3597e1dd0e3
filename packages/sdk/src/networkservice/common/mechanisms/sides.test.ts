import assert from "node:assert/strict";
import { test } from "node:test";
import { CodedError } from "@nsmkit/core";
import { chain } from "../../../chain/chain.ts";
import { FakeChannel } from "../../../testing/channel.ts";
import { FakeCrossConnector } from "../../../testing/crossconnector.ts";
import { RecordingEnd, requestOf, testContext } from "../../../testing/elements.ts";
import type { NetworkServiceElement, NetworkServiceKind } from "../../core/kind.ts";
import { beginServer } from "../../core/rules.ts";
import { crossConnectServer } from "../crossconnect/server.ts";
import { nextHop } from "../dial/nexthop.ts";
import { updatePath } from "../updatepath/element.ts";
import { kernelForwarderServer } from "./kernel/server.ts";
import { preferencesClient } from "./preferences/client.ts";
import { selectMechanismServer } from "./select/server.ts";
import { translationClient } from "./translation/client.ts";
import { mechanism } from "./types.ts";

const offers = [
  { type: "KERNEL" },
  { type: "MEMIF" },
  { type: "VXLAN", payloads: ["ETHERNET"], parameters: { src_ip: "10.0.0.1" } },
];

function forwarder(options: { readonly target?: string; readonly priority?: readonly string[] } = {}) {
  const end = new RecordingEnd((connection) => {
    connection.mechanism ??= mechanism("KERNEL", { name: "far-1" });
    return connection;
  });
  const channel = new FakeChannel(end, { target: options.target ?? "unix:///nse.sock" });
  const connector = new FakeCrossConnector();
  const dial: NetworkServiceElement = {
    name: "dial",
    request: (ctx, request, next) =>
      next.request(ctx.with(nextHop, { url: channel.target, channel, peer: channel.peer }), request),
  };
  const first = beginServer();
  const all = chain<NetworkServiceKind>(
    [
      updatePath("fwd"),
      first,
      selectMechanismServer({ KERNEL: kernelForwarderServer() }),
      crossConnectServer(connector),
      dial,
      translationClient(),
      preferencesClient(offers, { priority: options.priority ?? [] }),
    ],
    end,
  );
  const ask = (init: Parameters<typeof requestOf>[0] = {}) =>
    all.request(
      testContext(),
      requestOf({ id: "c", payload: "ETHERNET", ...init }, [{ type: "KERNEL", parameters: { name: "nsm-1" } }]),
    );
  const offered = (at = 0) => end.requests[at]?.mechanismPreferences.map(({ type }) => type);
  return { all, ask, connector, end, first, offered };
}

test("the far side gets our preferences and no mechanism, the caller keeps its own", async () => {
  const { ask, end, offered } = forwarder();
  const reply = await ask();
  assert.deepEqual([offered(), end.requests[0]?.connection?.mechanism], [["KERNEL", "MEMIF"], undefined]);
  assert.deepEqual([reply.mechanism?.type, reply.mechanism?.parameters.name], ["KERNEL", "nsm-1"]);
});

test("a next hop elsewhere gets REMOTE preferences, of those that carry the payload", async () => {
  const ethernet = forwarder({ target: "tcp://10.0.0.2:5001" });
  await ethernet.ask();
  assert.deepEqual(ethernet.offered(), ["VXLAN"]);
  assert.equal(ethernet.end.requests[0]?.mechanismPreferences[0]?.cls, "REMOTE");
  const ip = forwarder({ target: "tcp://10.0.0.2:5001" });
  await ip.ask({ payload: "IP" });
  assert.deepEqual(ip.offered(), []);
});

test("priority puts types before our own order", async () => {
  const { ask, offered } = forwarder({ priority: ["MEMIF"] });
  await ask();
  assert.deepEqual(offered(), ["MEMIF", "KERNEL"]);
});

test("a refresh sends the far side its mechanism again", async () => {
  const { ask, end } = forwarder();
  await ask();
  await ask();
  assert.equal(end.requests[1]?.connection?.mechanism?.parameters.name, "far-1");
});

test("close sends the far side its mechanism, and forgets it", async () => {
  const { all, ask, end } = forwarder();
  await all.close(testContext(), await ask());
  assert.equal(end.closes[0]?.mechanism?.parameters.name, "far-1");
  await ask();
  assert.equal(end.requests[1]?.connection?.mechanism, undefined);
});

test("both sides are joined under the forwarder's id, and what the data plane reports goes into its segment", async () => {
  const { ask, connector } = forwarder();
  const reply = await ask({ path: { pathSegments: [{ name: "nsmgr", id: "c" }] } });
  const own = reply.path?.pathSegments[1];
  const joined = connector.connected.get(own?.id ?? "");
  assert.deepEqual(
    [joined?.client.mechanism.parameters.name, joined?.server.mechanism.parameters.name],
    ["nsm-1", "far-1"],
  );
  assert.deepEqual({ ...own?.metrics }, { client_interface: "KERNEL/nsm-1", server_interface: "KERNEL/far-1" });
});

test("when the data plane fails the first time, the far side is closed", async () => {
  const { ask, connector, end, first } = forwarder();
  connector.failWith(new CodedError("KERNEL", "EPERM"));
  await assert.rejects(ask(), /EPERM/);
  assert.deepEqual([end.closes.length, first.size], [1, 0]);
});

test("when the data plane fails a refresh, the connection stays", async () => {
  const { ask, connector, end, first } = forwarder();
  await ask();
  connector.failWith(new CodedError("KERNEL", "EPERM"));
  await assert.rejects(ask(), /EPERM/);
  assert.deepEqual([end.closes.length, first.size], [0, 1]);
});

test("an endpoint that answers without mechanism is an error", async () => {
  const { ask, end } = forwarder();
  end.reply = (connection) => connection;
  await assert.rejects(ask(), {
    code: "PROTOCOL",
    message: /no mechanism on the caller's side|no mechanism on the far/,
  });
});

test("close takes the data plane down even if the far side cannot be reached, and the other way round", async () => {
  const { all, ask, connector, end } = forwarder();
  end.closeError = new CodedError("UNAVAILABLE", "gone");
  await assert.rejects(all.close(testContext(), await ask()), /gone/);
  assert.equal(connector.connected.size, 0);
  end.closeError = undefined;
  const reply = await ask();
  connector.disconnect = () => Promise.reject(new CodedError("KERNEL", "EBUSY"));
  await assert.rejects(all.close(testContext(), reply), /EBUSY/);
  assert.equal(end.closes.length, 2);
});
