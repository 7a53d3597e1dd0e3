/**
 * The broken documents of packages/mesh/testdata/broken against a real API server: what its schema, rules and policy say
 * with the operator down, and what the operator's webhook says of those that pass. NSMKIT_UPDATE=1 writes the answers anew.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { messageOf } from "@nsmkit/core";
import type { UnknownObject } from "@nsmkit/kube";
import { fieldManager, type MeshObject, nsmAdmissionPolicy, nsmDefinition, resourceOf } from "@nsmkit/mesh";
import { parse, stringify } from "yaml";
import { nsms } from "../../cmd/nsm-operator/src/status/status.ts";
import { until } from "../../cmd/nsm-operator/src/testing/world.ts";
import { ControlPlane, controlPlaneMissing, freePort } from "./control-plane.ts";
import { namespace, OperatorWorld } from "./operator-world.ts";

const testdata = join(import.meta.dirname, "../../packages/mesh/testdata");
const expectedFile = join(testdata, "broken-server.yaml");
const update = process.env.NSMKIT_UPDATE === "1";

interface Answers {
  /** `kubectl create --validate=false`: fields that the schema does not have are dropped first. */
  readonly create: string;
  /** Server-side apply, of those that creation takes: it refuses unknown fields. */
  readonly apply?: string;
  /** The operator's webhook, of those that creation takes while it is down. */
  readonly webhook?: string;
}

const accepted = "accepted";
const documents = readdirSync(join(testdata, "broken"))
  .sort()
  .map((file) => {
    const document = parse(readFileSync(join(testdata, "broken", file), "utf8")) as UnknownObject;
    return {
      name: file.replace(/\.yaml$/, ""),
      document: { ...document, metadata: { ...document.metadata, namespace } },
    };
  });

describe("broken NSM documents on a real API server", { skip: controlPlaneMissing() ?? false }, () => {
  let plane: ControlPlane;
  let world: OperatorWorld;
  const found = new Map<string, Answers>();

  before(async () => {
    plane = await ControlPlane.start();
    world = await OperatorWorld.open(plane);
    const { admin } = world;
    const apply = (object: MeshObject): Promise<unknown> =>
      admin.apply<UnknownObject>(resourceOf(object), object, { fieldManager });
    for (const object of [nsmDefinition(), ...nsmAdmissionPolicy()]) await apply(object);
    // A policy is compiled some time after it is stored; until then everything passes.
    await until(
      () => create(mixture),
      (answer) => answer.includes("mixes two forms"),
      undefined,
      30_000,
    );
    for (const { name, document } of documents) {
      const created = await create(document);
      found.set(name, created === accepted ? { create: created, apply: await applied(document) } : { create: created });
    }
    const port = await freePort();
    const config = { webhookListenOn: `127.0.0.1:${port}`, webhookUrl: `https://localhost:${port}/validate` };
    await world.startOperator({ config });
    const memory = documents.find(({ name }) => name === "ovs-before-there-was-one")?.document;
    assert.ok(memory);
    await until(
      () => create(memory),
      (answer) => answer !== accepted,
      undefined,
      30_000,
    );
    for (const { name, document } of documents) {
      const answers = found.get(name);
      if (answers?.create === accepted) found.set(name, { ...answers, webhook: await create(document) });
    }
    if (update) {
      const head = "# What a real API server answers to testdata/broken; see test/cluster/mesh-broken.test.ts.\n";
      writeFileSync(expectedFile, head + stringify(Object.fromEntries(found), { lineWidth: 0 }));
    }
  });
  after(async () => {
    await world?.close();
    await plane?.close();
  });

  const mixture: UnknownObject = {
    apiVersion: "nsm.networkservicemesh.io/v1alpha1",
    kind: "NSM",
    metadata: { name: "mixture", namespace },
    spec: { version: "v1.18.0", registry: "docker.io", forwarders: [{ type: "vpp" }] },
  };

  const answerOf = (call: Promise<unknown>): Promise<string> =>
    call.then(
      () => accepted,
      (error: unknown) => messageOf(error).replace(/^[^:]*(create|apply) NSM [^:]*: /, ""),
    );
  const create = (document: UnknownObject): Promise<string> =>
    answerOf(world.admin.create<UnknownObject>(nsms, document, { dryRun: true }));
  const applied = (document: UnknownObject): Promise<string> =>
    answerOf(world.admin.apply<UnknownObject>(nsms, document, { fieldManager: "kubectl", dryRun: true }));

  test("a second mesh is refused while there is a first one, and taken when that goes", {
    timeout: 60_000,
  }, async () => {
    const good = (name: string): UnknownObject => ({
      apiVersion: "nsm.networkservicemesh.io/v1alpha1",
      kind: "NSM",
      metadata: { name, namespace },
      spec: { provider: "nsmkit", registry: { type: "k8s" }, forwarders: [{ type: "kernel" }] },
    });
    assert.equal(await create(good("first")), accepted);
    await world.admin.create<UnknownObject>(nsms, good("first"));
    assert.match(
      await create(good("second")),
      /denied the request: the cluster has the mesh of NSM nsm-system\/first already; delete that one first/,
    );
    await world.settled("first");
    await world.admin.delete(nsms, { namespace, name: "first" });
    await world.gone("first");
    assert.equal(await create(good("second")), accepted);
  });

  test("every document has its expected answers, and no expectation is without a document", () => {
    const expected = parse(readFileSync(expectedFile, "utf8")) as Readonly<Record<string, Answers>>;
    assert.deepEqual(
      Object.keys(expected),
      documents.map(({ name }) => name),
    );
  });

  for (const { name } of documents) {
    test(`${name} gets the expected answers, and is refused by one of the doors`, () => {
      const expected = parse(readFileSync(expectedFile, "utf8")) as Readonly<Record<string, Answers>>;
      assert.deepEqual(found.get(name), expected[name]);
      const { create, apply, webhook } = found.get(name) ?? { create: accepted };
      assert.ok([create, apply, webhook].some((answer) => answer !== undefined && answer !== accepted));
    });
  }
});
