import assert from "node:assert/strict";
import { test } from "node:test";
import { allModels } from "@nsmkit/api/model/vpp";
import { type Client, Informer } from "@nsmkit/kube";
import type { AdmissionRequest } from "@nsmkit/kube/admission";
import { MemoryApiServer } from "@nsmkit/kube/testing";
import { Claims } from "../declared/claims.ts";
import { Declarations } from "../declared/declarations.ts";
import { type CnfConfigurationObject, cnfConfigurations } from "../declared/resource.ts";
import { bridge, resource } from "../testing/world.ts";
import { reviewer } from "./review.ts";

async function door(client: Client = new MemoryApiServer()) {
  const declarations = new Declarations({ models: allModels });
  const informer = new Informer({ client, resource: cnfConfigurations });
  const claims = new Claims(informer, declarations);
  informer.start();
  await informer.synced({ signal: AbortSignal.timeout(5_000) });
  const admit = reviewer(declarations, claims);
  const ask = async (object: CnfConfigurationObject | undefined, more: Partial<AdmissionRequest> = {}) => {
    const { group, version, kind } = cnfConfigurations;
    const base = { uid: "1", operation: "CREATE", kind: { group, version, kind }, dryRun: false, user: "" } as const;
    const { signal } = new AbortController();
    return admit({ ...base, ...(object ? { object } : {}), ...more }, { signal });
  };
  return { ask, informer, declarations, [Symbol.asyncDispose]: () => informer.close() };
}

const wrong = { module: "vpp.l2", type: "bridge-domain", data: "name: x\nflod: true\n" };

test("a right resource is allowed, a wrong one refused with every mistake, its item, path and line", async () => {
  await using opened = await door();
  assert.deepEqual(await opened.ask(resource("one", [bridge("x")])), { allowed: true });
  assert.deepEqual(await opened.ask(resource("one", [wrong, { ...wrong, module: "vpp.l3" }])), {
    allowed: false,
    code: 422,
    reason: "Invalid",
    message:
      'spec.configItems[0].data:2:7: item 1: vpp.l2 bridge-domain "x": field "flod" is unknown; did you mean "flood"?\n' +
      "spec.configItems[1].module: item 2: the model vpp.l3 bridge-domain is unknown; the modules are cnf.nsm, linux.interfaces, linux.l3, linux.iptables, netalloc, vpp, vpp.stn, vpp.wg, vpp.l2, vpp.nat, vpp.ipsec, vpp.srv6, vpp.acls, vpp.abfs, vpp.ipfix, vpp.dns; did you mean vpp.l2? - for an agent that has models of its own annotate the resource with pantheon.tech/unknown-models: vpp.l3/bridge-domain",
  });
});

test("a key of another resource is refused with that one's name, one's own is not", async () => {
  const server = new MemoryApiServer();
  const first = await server.create(cnfConfigurations, resource("first", [bridge("x")]));
  await using opened = await door(server);
  const answer = await opened.ask(resource("second", [bridge("y"), bridge("x")]));
  assert.equal(answer.allowed, false);
  assert.deepEqual("message" in answer && [answer.code, answer.reason, answer.message], [
    409,
    "Conflict",
    "spec.configItems[1]: item 2: vpp.l2.bridge-domain: the key /vnf-agent/a/config/vpp/l2/v2/bridge-domain/x belongs to CNFConfiguration default/first; change or delete one of the two",
  ]);
  const changed = { ...first, spec: { microservice: "a", configItems: [bridge("x", { flood: true })] } };
  assert.deepEqual(await opened.ask(changed, { operation: "UPDATE", oldObject: first }), { allowed: true });
});

test("a wrong resource from before the check may be labelled, deleted and lose its finalizer, but not be changed wrongly", async () => {
  await using opened = await door();
  const old = resource("one", [wrong]);
  const labelled = { ...old, metadata: { ...old.metadata, labels: { a: "b" } } };
  assert.equal((await opened.ask(labelled, { operation: "UPDATE", oldObject: old })).allowed, true);
  const leaving = { ...old, metadata: { ...old.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } };
  assert.equal((await opened.ask(leaving, { operation: "UPDATE", oldObject: resource("one", []) })).allowed, true);
  assert.equal((await opened.ask(undefined, { operation: "DELETE", oldObject: old })).allowed, true);
  const worse = resource("one", [wrong, bridge("y")]);
  assert.equal((await opened.ask(worse, { operation: "UPDATE", oldObject: old })).allowed, false);
});

test("the annotation that allows a model counts as a change", async () => {
  await using opened = await door();
  const foreign = resource("one", [{ module: "vpp.abx", type: "abx", data: "a: 1" }]);
  assert.equal((await opened.ask(foreign)).allowed, false);
  const allowed = {
    ...foreign,
    metadata: { ...foreign.metadata, annotations: { "pantheon.tech/unknown-models": "vpp.abx/abx" } },
  };
  assert.equal((await opened.ask(allowed)).allowed, true);
  assert.equal((await opened.ask(foreign, { operation: "UPDATE", oldObject: allowed })).allowed, false);
});

test("what the webhook has read the controller does not read again, and what is only asked about is forgotten", async () => {
  const server = new MemoryApiServer();
  await using opened = await door(server);
  const object = resource("one", [bridge("x")]);
  await opened.ask(object);
  await server.create(cnfConfigurations, object);
  while (!opened.informer.get("default/one")) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(opened.declarations.of(opened.informer.get("default/one") ?? object).pairs.length, 1);
  assert.equal(opened.declarations.reads, 1);
  for (let i = 0; i < 3_000; i++) opened.declarations.of(resource(`r${i}`, []));
  opened.declarations.of(resource("r0", []));
  assert.equal(opened.declarations.reads, 3_002);
});
