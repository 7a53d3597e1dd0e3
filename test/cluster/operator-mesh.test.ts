import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { UnknownObject } from "@nsmkit/kube";
import { parse } from "yaml";
import { kindNamed } from "../../cmd/nsm-operator/src/inventory/kinds.ts";
import { type Nsm, nsms } from "../../cmd/nsm-operator/src/status/status.ts";
import { isReady, leftovers, until } from "../../cmd/nsm-operator/src/testing/world.ts";
import { ControlPlane, controlPlaneMissing } from "./control-plane.ts";
import { namespace, OperatorWorld } from "./operator-world.ts";

const nsm = (name: string, spec: unknown): Nsm => ({
  apiVersion: "nsm.networkservicemesh.io/v1alpha1",
  kind: "NSM",
  metadata: { name, namespace },
  spec,
});

const upstream = { version: "v1.17.0", registry: { type: "k8s" }, forwarders: [{ type: "vpp" }], webhook: {} };

describe("real meshes on a real API server", { skip: controlPlaneMissing() ?? false }, () => {
  let plane: ControlPlane;
  let world: OperatorWorld;
  before(async () => {
    plane = await ControlPlane.start();
    world = await OperatorWorld.open(plane);
    await world.startOperator();
    await until(
      async () => world.admin.list(nsms).catch(() => undefined),
      (list) => list !== undefined,
      undefined,
      20_000,
    );
  });
  after(async () => {
    await world?.close();
    await plane?.close();
  });

  async function lives(object: Nsm): Promise<void> {
    const name = object.metadata.name ?? "";
    await world.admin.create(nsms, object);
    await world.settled(name);
    await steady(world);
    await world.admin.delete(nsms, { namespace, name });
    await world.gone(name);
    assert.deepEqual(await leftovers(world.admin), []);
  }

  test("the document of 2020 becomes a mesh that stands still and goes without a trace", {
    timeout: 90_000,
  }, async () => {
    const file = join(import.meta.dirname, "../../packages/mesh/testdata/nsm-2020.yaml");
    const document = parse(await readFile(file, "utf8")) as Nsm;
    await lives(nsm(document.metadata.name ?? "", document.spec));
  });

  test("upstream's mesh does so too", { timeout: 90_000 }, async () => {
    await lives(nsm("upstream", { ...upstream, spire: "external" }));
  });

  test("our own mesh does so too", { timeout: 90_000 }, async () => {
    await lives(nsm("own", { provider: "nsmkit", registry: { type: "k8s" }, forwarders: [{ type: "kernel" }] }));
  });

  test("an upgrade to the next release reaches every part", { timeout: 90_000 }, async () => {
    await world.admin.create(nsms, nsm("up", { ...upstream, spire: "external" }));
    await world.settled("up");
    await world.admin.mergePatch(nsms, { namespace, name: "up" }, { spec: { version: "v1.18.0" } });
    const { status } = await world.until(
      (one) => isReady(one) && one.status?.currentVersion === "v1.18.0",
      "up",
      45_000,
    );
    assert.deepEqual([...new Set(status?.components?.map((one) => one.version))], ["v1.18.0"]);
    await world.admin.delete(nsms, { namespace, name: "up" });
    await world.gone("up");
    assert.deepEqual(await leftovers(world.admin), []);
  });
});

/** No object of the mesh changes for some seconds, though every one of them is looked at again. */
async function steady(world: OperatorWorld): Promise<void> {
  const versions = async (): Promise<string[]> => {
    const lists = await Promise.all(
      ["Deployment", "DaemonSet", "Service", "Secret", "ClusterRole", "MutatingWebhookConfiguration"].map((kind) =>
        world.admin.list<UnknownObject>(kindNamed(kind)),
      ),
    );
    return lists.flatMap(({ items }) =>
      items.map((item) => `${item.kind} ${item.metadata.name} ${item.metadata.resourceVersion}`),
    );
  };
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const [before, sent] = [await versions(), world.client?.requests];
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  assert.deepEqual(await versions(), before);
  // The Lease is renewed every two seconds with a get and an update.
  assert.ok(
    (world.client?.requests ?? 0) - (sent ?? 0) <= 4,
    `${(world.client?.requests ?? 0) - (sent ?? 0)} requests`,
  );
}
