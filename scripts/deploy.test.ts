import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { latestOwnRelease } from "@nsmkit/mesh";
import { parse } from "yaml";
import { imagesOf, nsmOf } from "./deploy/images.ts";
import { findManifest, readManifests, toYaml } from "./deploy/manifests.ts";
import { documentedValues, valuesTable } from "./deploy/values-table.ts";

const root = join(import.meta.dirname, "..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");

test("packages, chart, manifests, image and bundle are of one version", () => {
  const { version } = JSON.parse(read("package.json")) as { version: string };
  const chart = parse(read("deploy/chart/nsm-operator/Chart.yaml")) as { version: string; appVersion: string };
  const bundle = parse(read("deploy/olm/manifests/nsm-operator.clusterserviceversion.yaml")) as {
    metadata: { name: string };
  };
  const images = read("deploy/operator.yaml").match(/(?<=image: ).*/g);
  assert.deepEqual(
    {
      chart: [chart.version, chart.appVersion],
      bundle: bundle.metadata.name,
      mesh: latestOwnRelease,
      images: images?.map((image) => image.split(":").at(-1)),
      image: /^ARG VERSION=(.*)$/m.exec(read("Dockerfile"))?.[1],
    },
    {
      chart: [version, `v${version}`],
      bundle: `nsm-operator.v${version}`,
      mesh: `v${version}`,
      images: [`v${version}`],
      image: `v${version}`,
    },
  );
});

test("a value is documented by the comment above it, in several lines too", () => {
  const source = "# -- one\n# two\na: 1\nb:\n  # -- three\n  c: {}\n";
  assert.deepEqual(documentedValues(source), [
    { path: "a", default: 1, text: "one two" },
    { path: "b.c", default: {}, text: "three" },
  ]);
  assert.match(valuesTable(source), /^\| `b\.c` \| `\{\}` \| three \|$/m);
});

test("a value without a comment is a mistake that is named", () => {
  assert.throws(() => documentedValues("# -- one\na: 1\nb:\n  c: 2\n"), /b\.c has no comment/);
});

test("a manifest that is missing is named", () => {
  assert.throws(() => findManifest(readManifests(root, "operator.yaml"), "Deployment", "other"), /no Deployment other/);
});

test("lists of words are written on one line, and read back as they were", () => {
  const rules = [{ apiGroups: [""], resources: ["pods"], verbs: ["get", "list"], nested: [{ a: ["b"] }] }];
  assert.match(toYaml(rules), /verbs: \[get, list\]/);
  assert.deepEqual(parse(toYaml(rules)), rules);
});

test("the images of a mesh are those of its containers and those that its webhook adds", () => {
  const own = imagesOf(nsmOf({ provider: "nsmkit", registry: { type: "memory" }, forwarders: [{ type: "kernel" }] }));
  assert.deepEqual(own, [`ghcr.io/nsmkit/nsmkit:${latestOwnRelease}`]);
  const upstream = { version: "v1.18.0", registry: { type: "memory" }, forwarders: [{ type: "vpp" }], webhook: {} };
  assert.ok(imagesOf(nsmOf(upstream)).includes("ghcr.io/networkservicemesh/cmd-nsc:v1.18.0"));
  assert.throws(() => imagesOf(nsmOf({ ...upstream, version: "v9.9.9" })), /v9\.9\.9/);
});
