import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { NetworkServiceEndpointSchema, NetworkServiceSchema } from "@nsmkit/api/registry";
import { CodedError } from "@nsmkit/core";
import { chain } from "../../../chain/chain.ts";
import { RecordingEnd, requestOf, testContext } from "../../../testing/elements.ts";
import type { NetworkServiceElement, NetworkServiceKind } from "../../core/kind.ts";
import { nextUrl } from "../dial/nexthop.ts";
import { candidates } from "../discover/server.ts";
import { roundRobinServer } from "./server.ts";

function setUp(names: readonly string[]) {
  const end = new RecordingEnd();
  const endpoints = names.map((name) => create(NetworkServiceEndpointSchema, { name, url: `unix:///${name}` }));
  const discover: NetworkServiceElement = {
    name: "discover",
    request: (ctx, request, next) => {
      const service = create(NetworkServiceSchema, { name: request.connection?.networkService ?? "" });
      return next.request(ctx.with(candidates, { service, endpoints }), request);
    },
  };
  const all = chain<NetworkServiceKind>([discover, roundRobinServer()], end);
  const ask = (networkService = "web") => all.request(testContext(), requestOf({ id: "c", networkService }));
  return { ask, end };
}

test("candidates take turns, each service on its own", async () => {
  const { ask, end } = setUp(["a", "b"]);
  for (const service of ["web", "web", "db", "web"]) await ask(service);
  assert.deepEqual(
    end.requests.map(({ connection }) => connection?.networkServiceEndpointName),
    ["a", "b", "a", "a"],
  );
  assert.equal(end.contexts[1]?.get(nextUrl), "unix:///b");
});

test("the next candidate is tried when one fails, with the request as it was", async () => {
  const { ask, end } = setUp(["a", "b"]);
  end.reply = (connection) => {
    if (connection.networkServiceEndpointName === "b") return connection;
    connection.labels.spoiled = "yes";
    throw new CodedError("UNAVAILABLE", "no room");
  };
  const reply = await ask();
  assert.deepEqual([reply.networkServiceEndpointName, { ...reply.labels }], ["b", {}]);
});

test("when all fail, the error says so for each", async () => {
  const { ask, end } = setUp(["a", "b"]);
  end.reply = ({ networkServiceEndpointName }) => {
    throw new CodedError("UNAVAILABLE", `${networkServiceEndpointName} is full`);
  };
  await assert.rejects(ask(), { code: "UNAVAILABLE", message: /a: a is full; b: b is full/ });
});

test("the only candidate's error comes through as it is", async () => {
  const { ask, end } = setUp(["a"]);
  end.reply = () => Promise.reject(new CodedError("PERMISSION_DENIED", "not you"));
  await assert.rejects(ask(), { code: "PERMISSION_DENIED", message: "not you" });
});
