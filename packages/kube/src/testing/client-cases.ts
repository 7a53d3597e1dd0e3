/** What any `Client` must do, run on the in-memory server and, in test/cluster, on a real one. */
import assert from "node:assert/strict";
import { findDrift } from "../apply/drift.ts";
import type { Client } from "../client/client.ts";
import { isExpired } from "../client/status.ts";
import type { KubeObject, Resource } from "../object.ts";

export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export const configMaps: Resource<ConfigMap> = {
  group: "",
  version: "v1",
  kind: "ConfigMap",
  plural: "configmaps",
  namespaced: true,
};

export function configMap(
  name: string,
  data: Record<string, string>,
  metadata: Partial<KubeObject["metadata"]> = {},
): ConfigMap {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default", ...metadata }, data };
}

interface Deployment extends KubeObject {
  readonly spec: unknown;
}
const deployments: Resource<Deployment> = {
  group: "apps",
  version: "v1",
  kind: "Deployment",
  plural: "deployments",
  namespaced: true,
};
const deployment = (name: string, env: { name: string; value: string }[], image = "a:1"): Deployment => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name, namespace: "default" },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: "main", image, env }] } },
  },
});

const at = (name: string): { namespace: string; name: string } => ({ namespace: "default", name });

/** Each case uses names of its own. Titles are sentences that would be false. */
export const clientCases: readonly { readonly title: string; readonly run: (client: Client) => Promise<void> }[] = [
  {
    title: "an object is created once, found, changed and deleted once",
    async run(client) {
      const made = await client.create(configMaps, configMap("case-life", { a: "1" }));
      assert.ok(made.metadata.uid && made.metadata.resourceVersion);
      await assert.rejects(client.create(configMaps, configMap("case-life", {})), { code: "ALREADY_EXISTS" });
      const changed = await client.update(configMaps, { ...made, data: { a: "2" } });
      assert.notEqual(changed.metadata.resourceVersion, made.metadata.resourceVersion);
      assert.deepEqual((await client.get(configMaps, at("case-life"))).data, { a: "2" });
      assert.equal(await client.delete(configMaps, at("case-life")), true);
      assert.equal(await client.delete(configMaps, at("case-life")), false);
      assert.equal(await client.find(configMaps, at("case-life")), undefined);
      await assert.rejects(client.get(configMaps, at("case-life")), { code: "NOT_FOUND" });
    },
  },
  {
    title: "an update from an old version is a conflict and changes nothing",
    async run(client) {
      const first = await client.create(configMaps, configMap("case-stale", { a: "1" }));
      await client.update(configMaps, { ...first, data: { a: "2" } });
      await assert.rejects(client.update(configMaps, { ...first, data: { a: "3" } }), {
        code: "CONFLICT",
        retryable: true,
      });
      assert.deepEqual((await client.get(configMaps, at("case-stale"))).data, { a: "2" });
    },
  },
  {
    title: "a write that changes nothing leaves the version alone",
    async run(client) {
      const first = await client.apply(configMaps, configMap("case-same", { a: "1" }), { fieldManager: "one" });
      const again = await client.apply(configMaps, configMap("case-same", { a: "1" }), { fieldManager: "one" });
      assert.equal(again.metadata.resourceVersion, first.metadata.resourceVersion);
      const patched = await client.mergePatch(configMaps, at("case-same"), { data: { a: "1" } });
      assert.equal(patched.metadata.resourceVersion, first.metadata.resourceVersion);
    },
  },
  {
    title: "an apply gives up fields that it no longer names and leaves others' alone",
    async run(client) {
      await client.apply(configMaps, configMap("case-apply", { a: "1", b: "1" }), { fieldManager: "one" });
      await client.apply(configMaps, configMap("case-apply", { c: "1" }), { fieldManager: "two" });
      const less = await client.apply(configMaps, configMap("case-apply", { a: "1" }), { fieldManager: "one" });
      assert.deepEqual(less.data, { a: "1", c: "1" });
    },
  },
  {
    title: "an apply of a field that another manager set otherwise conflicts unless forced",
    async run(client) {
      await client.apply(configMaps, configMap("case-force", { a: "1" }), { fieldManager: "one" });
      await assert.rejects(
        client.apply(configMaps, configMap("case-force", { a: "2" }), { fieldManager: "two", force: false }),
        { code: "CONFLICT" },
      );
      const forced = await client.apply(configMaps, configMap("case-force", { a: "2" }), { fieldManager: "two" });
      assert.deepEqual(forced.data, { a: "2" });
    },
  },
  {
    title: "an applied object has no drift until somebody changes it or we desire otherwise",
    async run(client) {
      const desired = configMap("case-drift", { a: "1", b: "2" }, { labels: { l: "1" } });
      const live = await client.apply(configMaps, desired, { fieldManager: "one" });
      assert.equal(findDrift(desired, live, "one"), undefined);
      assert.equal(findDrift(desired, live, "two"), "metadata.managedFields");
      const edited = await client.mergePatch(configMaps, at("case-drift"), { data: { a: "9" } });
      assert.equal(findDrift(desired, edited, "one"), "data.a");
      const unlabelled = await client.mergePatch(configMaps, at("case-drift"), {
        data: { a: "1" },
        metadata: { labels: { l: null } },
      });
      assert.match(findDrift(desired, unlabelled, "one") ?? "", /^metadata\.labels/);
      const again = await client.apply(configMaps, desired, { fieldManager: "one" });
      assert.equal(findDrift(configMap("case-drift", { a: "1" }, { labels: { l: "1" } }), again, "one"), "data.b");
    },
  },
  {
    title: "a workload's defaults are no drift, an edited image and a removed variable are",
    async run(client) {
      const env = [
        { name: "A", value: "1" },
        { name: "B", value: "2" },
      ];
      const desired = deployment("case-workload", env);
      const live = await client.apply(deployments, desired, { fieldManager: "one" });
      assert.equal(findDrift(desired, live, "one"), undefined);
      const path = "spec.template.spec.containers[name=main]";
      assert.equal(findDrift(deployment("case-workload", env, "a:2"), live, "one"), `${path}.image`);
      const fewer = deployment("case-workload", env.slice(0, 1));
      assert.match(findDrift(fewer, live, "one") ?? "", /"name":"B"/);
      const applied = await client.apply(deployments, fewer, { fieldManager: "one" });
      assert.equal(findDrift(fewer, applied, "one"), undefined);
      assert.doesNotMatch(JSON.stringify(applied.spec), /"name":"B"/);
    },
  },
  {
    title: "the generation counts changes of the spec alone",
    async run(client) {
      const made = await client.apply(deployments, deployment("case-generation", []), { fieldManager: "one" });
      assert.equal(made.metadata.generation, 1);
      const labelled = await client.mergePatch(deployments, at("case-generation"), {
        metadata: { labels: { x: "1" } },
      });
      assert.equal(labelled.metadata.generation, 1);
      const scaled = await client.mergePatch(deployments, at("case-generation"), { spec: { replicas: 2 } });
      assert.equal(scaled.metadata.generation, 2);
    },
  },
  {
    title: "an object with a finalizer stays, marked, until the finalizer is gone",
    async run(client) {
      await client.create(configMaps, configMap("case-final", {}, { finalizers: ["nsmkit.dev/test"] }));
      await client.delete(configMaps, at("case-final"));
      const marked = await client.get(configMaps, at("case-final"));
      assert.ok(marked.metadata.deletionTimestamp);
      await client.mergePatch(configMaps, at("case-final"), { metadata: { finalizers: null } });
      assert.equal(await client.find(configMaps, at("case-final")), undefined);
    },
  },
  {
    title: "a delete of another incarnation is a conflict",
    async run(client) {
      await client.create(configMaps, configMap("case-uid", {}));
      const uid = "00000000-0000-0000-0000-000000000000";
      await assert.rejects(client.delete(configMaps, at("case-uid"), { uid }), { code: "CONFLICT" });
    },
  },
  {
    title: "a watch brings what came after its version, filtered by label, and then what comes",
    async run(client) {
      const labels = { watch: "yes" };
      const { resourceVersion } = await client.list(configMaps, { namespace: "default" });
      await client.create(configMaps, configMap("case-watch-1", {}, { labels }));
      await client.create(configMaps, configMap("case-watch-2", {}));
      const stop = new AbortController();
      const events = client.watch(configMaps, {
        namespace: "default",
        labelSelector: "watch=yes",
        resourceVersion,
        signal: stop.signal,
      });
      const next = async (): Promise<string> => {
        for (;;) {
          const { value, done } = await events.next();
          if (done) return "end";
          if (value.type !== "BOOKMARK") return `${value.type} ${value.object.metadata.name}`;
        }
      };
      assert.equal(await next(), "ADDED case-watch-1");
      const waiting = next();
      await client.mergePatch(configMaps, at("case-watch-1"), { data: { a: "1" } });
      assert.equal(await waiting, "MODIFIED case-watch-1");
      // For this watch an object that loses the label is gone, and new when it has it again.
      await client.mergePatch(configMaps, at("case-watch-1"), { metadata: { labels: { watch: null } } });
      assert.equal(await next(), "DELETED case-watch-1");
      await client.mergePatch(configMaps, at("case-watch-1"), { metadata: { labels } });
      assert.equal(await next(), "ADDED case-watch-1");
      await client.delete(configMaps, at("case-watch-1"));
      assert.equal(await next(), "DELETED case-watch-1");
      stop.abort();
      await assert.rejects(events.next(), { code: "ABORTED" });
    },
  },
  {
    title: "a dry run answers as if and changes nothing",
    async run(client) {
      const dry = await client.apply(configMaps, configMap("case-dry", { a: "1" }), {
        fieldManager: "one",
        dryRun: true,
      });
      assert.deepEqual(dry.data, { a: "1" });
      assert.equal(await client.find(configMaps, at("case-dry")), undefined);
    },
  },
];

/** For servers that can forget: a watch from a forgotten version says that a new list is needed. */
export async function assertExpires(events: AsyncGenerator<unknown>): Promise<void> {
  await assert.rejects(events.next(), (error) => isExpired(error));
}
