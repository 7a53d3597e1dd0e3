import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { CodedError } from "@nsmkit/core";
import { findDrift, Informer, KubeClient, type KubeObject, type Resource } from "@nsmkit/kube";
import { ControlPlane, controlPlaneMissing } from "./control-plane.ts";

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}
const configMaps: Resource<ConfigMap> = {
  group: "",
  version: "v1",
  kind: "ConfigMap",
  plural: "configmaps",
  namespaced: true,
};
const configMap = (name: string, data: Record<string, string>): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "default" },
  data,
});

describe("against a real API server", { skip: controlPlaneMissing() ?? false }, () => {
  let plane: ControlPlane;
  let client: KubeClient;
  before(async () => {
    plane = await ControlPlane.start();
    client = new KubeClient(await plane.config());
  });
  after(async () => {
    await client?.close();
    await plane?.close();
  });

  test("an applied object has no drift, and each way of changing it is found", async () => {
    const desired = configMap("drift", { a: "1", b: "2" });
    const live = await client.apply(configMaps, desired, { fieldManager: "test" });
    assert.equal(findDrift(desired, live, "test"), undefined);
    const edited = await client.mergePatch(configMaps, { namespace: "default", name: "drift" }, { data: { a: "9" } });
    assert.equal(findDrift(desired, edited, "test"), "data.a");
    const again = await client.apply(configMaps, desired, { fieldManager: "test" });
    assert.equal(findDrift(configMap("drift", { a: "1" }), again, "test"), "data.b");
    const less = await client.apply(configMaps, configMap("drift", { a: "1" }), { fieldManager: "test" });
    assert.deepEqual(less.data, { a: "1" });
  });

  test("errors carry the code that tells what to do", async () => {
    const at = { namespace: "default", name: "nothing" };
    await assert.rejects(client.get(configMaps, at), { code: "NOT_FOUND" });
    assert.equal(await client.find(configMaps, at), undefined);
    await client.create(configMaps, configMap("twice", {}));
    await assert.rejects(client.create(configMaps, configMap("twice", {})), { code: "ALREADY_EXISTS" });
    const stale = { ...configMap("twice", {}), metadata: { ...configMap("twice", {}).metadata, resourceVersion: "1" } };
    await assert.rejects(client.update(configMaps, stale), { code: "CONFLICT" });
    await assert.rejects(client.create(configMaps, configMap("Bad Name", {})), { code: "INVALID_CONFIG" });
    const stranger = new KubeClient(await plane.config("nobody"));
    await assert.rejects(stranger.get(configMaps, at), { code: "UNAUTHENTICATED" });
    await stranger.close();
  });

  test("a cache follows changes and lives through a restart of the API server", { timeout: 60_000 }, async () => {
    await using informer = new Informer({ client, resource: configMaps, namespace: "default" });
    informer.start();
    await informer.synced({ signal: AbortSignal.timeout(10_000) });
    await client.create(configMaps, configMap("first", { n: "1" }));
    await until(() => informer.get("default/first")?.data?.n === "1");
    await plane.killApiServer();
    await plane.startApiServer();
    await client.mergePatch(configMaps, { namespace: "default", name: "first" }, { data: { n: "2" } });
    await until(() => informer.get("default/first")?.data?.n === "2");
    await client.delete(configMaps, { namespace: "default", name: "first" });
    await until(() => informer.get("default/first") === undefined);
  });

  test("a list is whole however many pages it takes", async () => {
    await Promise.all(
      Array.from({ length: 1100 }, (_, i) =>
        client.create(configMaps, {
          ...configMap(`page-${i}`, {}),
          metadata: { ...configMap(`page-${i}`, {}).metadata, labels: { page: "1" } },
        }),
      ),
    );
    const { items } = await client.list(configMaps, { namespace: "default", labelSelector: "page=1" });
    assert.equal(new Set(items.map((item) => item.metadata.name)).size, 1100);
  });
});

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new CodedError("DEADLINE_EXCEEDED", "the condition did not come true");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
