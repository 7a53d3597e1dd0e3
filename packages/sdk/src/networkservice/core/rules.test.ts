import assert from "node:assert/strict";
import { test } from "node:test";
import { State } from "@nsmkit/api/networkservice";
import { mustExist } from "@nsmkit/core";
import { begun } from "../../chain/begin.ts";
import type { Begun } from "../../chain/begun.ts";
import { chain } from "../../chain/chain.ts";
import { connectionWith, RecordingEnd, requestOf, testContext } from "../../testing/elements.ts";
import { cloneConnection } from "./connection.ts";
import type { NetworkServiceKind } from "./kind.ts";
import { beginClient, beginServer } from "./rules.ts";

function setUp(first = beginClient()) {
  let connection: Begun<NetworkServiceKind> | undefined;
  const end = new RecordingEnd((asked, ctx) => {
    connection = begun(ctx);
    const reply = connectionWith({ ...asked, networkServiceEndpointName: asked.networkServiceEndpointName || "nse-1" });
    reply.mechanism = asked.mechanism ?? connectionWith({ mechanism: { type: "KERNEL" } }).mechanism;
    reply.context ??= connectionWith({ context: { MTU: 1400, extraContext: { ours: "1", both: "1" } } }).context;
    return reply;
  });
  const all = chain<NetworkServiceKind>([first], end);
  const ask = (init: Parameters<typeof requestOf>[0], preferences?: Parameters<typeof requestOf>[1]) =>
    all.request(testContext(), requestOf({ id: "c", ...init }, preferences));
  return { end, all, ask, begun: () => mustExist(connection, "connection") };
}

test("a client's plain repetition sends what is known: mechanism and context", async () => {
  const { end, ask } = setUp();
  await ask({});
  await ask({ networkServiceEndpointName: "nse-1" });
  const second = end.requests[1]?.connection;
  assert.deepEqual([second?.mechanism?.type, second?.context?.MTU], ["KERNEL", 1400]);
});

test("another endpoint name is taken from the application, the same one is not", async () => {
  const { end, all, ask, begun: of } = setUp();
  const reply = await ask({});
  const { reply: answer } = end;
  end.reply = async (connection, ctx) =>
    Object.assign(await answer(connection, ctx), { networkServiceEndpointName: "nse-2" });
  await of().request();
  await all.request(testContext(), requestOf(cloneConnection(reply)));
  assert.equal(end.requests.at(-1)?.connection?.networkServiceEndpointName, "nse-2");
  await ask({ networkServiceEndpointName: "nse-3" });
  assert.equal(end.requests.at(-1)?.connection?.networkServiceEndpointName, "nse-3");
});

test("a context that the application changed replaces the known one, extra context key by key", async () => {
  const { end, all, ask } = setUp();
  const reply = await ask({});
  const changed = cloneConnection(reply);
  Object.assign(mustExist(changed.context, "context"), { MTU: 1300, extraContext: { both: "2", theirs: "2" } });
  await all.request(testContext(), requestOf(changed));
  const sent = end.requests.at(-1)?.connection?.context;
  assert.deepEqual([sent?.MTU, { ...sent?.extraContext }], [1300, { both: "2", theirs: "2" }]);
});

test("a context that changed behind the application's back survives its request", async () => {
  const { end, all, ask, begun: of } = setUp();
  const reply = await ask({});
  const { reply: answer } = end;
  end.reply = async (connection, ctx) => {
    const made = await answer(connection, ctx);
    Object.assign(mustExist(made.context, "context"), { MTU: 1200 });
    return made;
  };
  await of().request();
  end.reply = answer;
  await all.request(testContext(), requestOf(cloneConnection(reply)));
  assert.equal(end.requests.at(-1)?.connection?.context?.MTU, 1200);
});

test("labels that the application changed are sent", async () => {
  const { end, ask } = setUp();
  await ask({ labels: { color: "blue" } });
  await ask({ labels: { color: "red" }, networkServiceEndpointName: "nse-1" });
  assert.deepEqual({ ...end.requests.at(-1)?.connection?.labels }, { color: "red" });
});

test("reselecting asks for any endpoint and mechanism under the same id and path, with the preferences of the beginning", async () => {
  const { end, ask, begun: of } = setUp();
  const path = { pathSegments: [{ name: "nsc", id: "c" }] };
  await ask({ path }, [{ cls: "LOCAL", type: "KERNEL", parameters: { name: "nsm-1" } }]);
  await of().request({ reselect: true });
  const { connection, mechanismPreferences } = mustExist(end.requests[1], "request");
  assert.deepEqual(
    [connection?.id, connection?.state, connection?.mechanism, connection?.networkServiceEndpointName],
    ["c", State.RESELECT_REQUESTED, undefined, ""],
  );
  assert.equal(connection?.path?.pathSegments.length, 1);
  assert.equal(mechanismPreferences[0]?.parameters.name, "nsm-1");
  assert.equal(end.closes.length, 1);
});

test("reselecting may keep the endpoint", async () => {
  const { end, ask, begun: of } = setUp(beginClient({ keepEndpoint: true }));
  await ask({});
  await of().request({ reselect: true });
  assert.equal(end.requests[1]?.connection?.networkServiceEndpointName, "nse-1");
});

test("a server takes a repeated request as it came", async () => {
  const { end, ask } = setUp(beginServer());
  await ask({});
  await ask({});
  assert.equal(end.requests[1]?.connection?.mechanism, undefined);
});

test("a server that is asked to reselect closes what stands, with what it answered last", async () => {
  const { end, ask } = setUp(beginServer());
  await ask({});
  await ask({ state: State.RESELECT_REQUESTED });
  assert.deepEqual(
    [end.closes.length, end.closes[0]?.networkServiceEndpointName, end.requests.length],
    [1, "nse-1", 2],
  );
});

test("a server that is asked to reselect what it does not know has nothing to close", async () => {
  const { end, ask } = setUp(beginServer());
  const reply = await ask({ state: State.RESELECT_REQUESTED });
  assert.deepEqual([end.closes.length, reply.state], [0, State.UP]);
});
