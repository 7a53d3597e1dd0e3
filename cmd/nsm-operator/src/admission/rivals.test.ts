import assert from "node:assert/strict";
import { test } from "node:test";
import { CodedError } from "@nsmkit/core";
import type { Client } from "@nsmkit/kube";
import { MemoryApiServer } from "@nsmkit/kube/testing";
import { type Nsm, nsms } from "../status/status.ts";
import { refuseRival } from "./rivals.ts";

const nsm = (namespace: string, name: string): Nsm => ({
  apiVersion: "nsm.networkservicemesh.io/v1alpha1",
  kind: "NSM",
  metadata: { namespace, name },
  spec: {},
});
const create = (object: Nsm) => ({ operation: "CREATE", object }) as const;

async function serverWith(...objects: readonly Nsm[]): Promise<MemoryApiServer> {
  const server = new MemoryApiServer();
  for (const object of objects) await server.create(nsms, object);
  return server;
}

test("a second mesh is refused with the name of the first and what to do", async () => {
  const server = await serverWith(nsm("a", "first"));
  const answer = await refuseRival(create(nsm("b", "second")), server, []);
  assert.equal(answer?.allowed, false);
  assert.match(answer.message ?? "", /the mesh of NSM a\/first already; delete that one first/);
});

test("the first mesh is let in, and a change of the only one too", async () => {
  const server = await serverWith(nsm("a", "first"));
  assert.equal(await refuseRival(create(nsm("a", "first")), server, []), undefined);
  assert.equal(await refuseRival({ operation: "UPDATE", object: nsm("b", "second") }, server, []), undefined);
  assert.equal(await refuseRival(create(nsm("a", "first")), await serverWith(), []), undefined);
});

test("only namespaces that are served are looked at, each of them", async () => {
  const server = await serverWith(nsm("a", "first"));
  assert.equal(await refuseRival(create(nsm("b", "second")), server, ["b"]), undefined);
  assert.equal((await refuseRival(create(nsm("b", "second")), server, ["b", "a"]))?.allowed, false);
});

test("one that is on its way out is no rival", async () => {
  const first = nsm("a", "first");
  const server = await serverWith({ ...first, metadata: { ...first.metadata, finalizers: ["x/y"] } });
  await server.delete(nsms, { namespace: "a", name: "first" });
  assert.equal(await refuseRival(create(nsm("b", "second")), server, []), undefined);
});

test("while the API server does not answer, everything is let through", async () => {
  const down: Pick<Client, "list"> = { list: () => Promise.reject(new CodedError("UNAVAILABLE", "no answer")) };
  assert.equal(await refuseRival(create(nsm("a", "first")), down, []), undefined);
});
