import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { CodedError } from "@nsmkit/core";
import { Informer, KubeClient } from "@nsmkit/kube";
import { clientCases, configMap, configMaps } from "@nsmkit/kube/testing";
import { ControlPlane, controlPlaneMissing } from "./control-plane.ts";

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

  for (const { title, run } of clientCases) test(title, () => run(client));

  test("who is unknown and what is malformed is told apart from what is missing", async () => {
    const stranger = new KubeClient(await plane.config("nobody"));
    await assert.rejects(stranger.list(configMaps), { code: "UNAUTHENTICATED" });
    await stranger.close();
    await assert.rejects(client.create(configMaps, configMap("Bad Name", {})), { code: "INVALID_CONFIG" });
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
    const make = (i: number) => client.create(configMaps, configMap(`page-${i}`, {}, { labels: { page: "1" } }));
    await Promise.all(Array.from({ length: 1100 }, (_, i) => make(i)));
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
