import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { KubeClient, type UnknownObject } from "@nsmkit/kube";
import { normalise, parseNsm } from "@nsmkit/mesh";
import { parse } from "yaml";
import { imagesOf } from "../../scripts/deploy/images.ts";
import type { Manifest } from "../../scripts/deploy/manifests.ts";
import { ControlPlane, controlPlaneMissing } from "../cluster/control-plane.ts";
import { deployed } from "./helm.ts";
import { checkout, type Ran, run, toolMissing, toolPath } from "./support.ts";

const bundle = join(checkout, "deploy/olm");
const file = "manifests/nsm-operator.clusterserviceversion.yaml";

interface Installation {
  readonly serviceAccountName: string;
  readonly rules: unknown;
}
interface ServiceVersion {
  readonly metadata: { readonly annotations: Readonly<Record<string, string>> };
  readonly spec: {
    readonly relatedImages: readonly { readonly name: string; readonly image: string }[];
    readonly installModes: readonly { readonly type: string; readonly supported: boolean }[];
    readonly install: {
      readonly spec: {
        readonly permissions: readonly Installation[];
        readonly clusterPermissions: readonly Installation[];
        readonly deployments: readonly { readonly name: string; readonly spec: PodOwner }[];
      };
    };
  };
}
interface PodOwner {
  readonly template: {
    readonly spec: {
      readonly containers: readonly { readonly image: string; readonly env: readonly { readonly name: string }[] }[];
    };
  };
}
const read = async (): Promise<ServiceVersion> => parse(await readFile(join(bundle, file), "utf8"));

test("the examples that OLM offers are documents that the operator takes", async () => {
  const examples = JSON.parse((await read()).metadata.annotations["alm-examples"] ?? "") as unknown[];
  assert.equal(examples.length, 3);
  for (const example of examples) {
    const mesh = normalise(parseNsm(example));
    assert.ok(mesh.ok, JSON.stringify(mesh));
  }
});

test("the bundle's operator is that of the plain manifests, but for where its namespaces come from", async () => {
  const { permissions, clusterPermissions, deployments } = (await read()).spec.install.spec;
  const plain = await deployed("operator.yaml");
  const named = (kind: string): Manifest | undefined =>
    plain.find((one) => one.kind === kind && one.metadata.name === "nsm-operator");
  assert.deepEqual(permissions[0]?.rules, named("Role")?.rules);
  assert.deepEqual(clusterPermissions[0]?.rules, named("ClusterRole")?.rules);
  const spec = structuredClone(named("Deployment")?.spec) as PodOwner & {
    template: { spec: { containers: unknown[] } };
  };
  const [container] = spec.template.spec.containers as { env: { name: string; valueFrom?: unknown }[] }[];
  const variable = container?.env.find(({ name }) => name === "WATCH_NAMESPACE");
  assert.ok(variable);
  variable.valueFrom = { fieldRef: { fieldPath: "metadata.annotations['olm.targetNamespaces']" } };
  assert.deepEqual(deployments[0]?.spec, spec);
});

test("names every image that a mirror needs, each by a name of its own", async () => {
  const version = await read();
  const { relatedImages, install } = version.spec;
  const listed = new Set(relatedImages.map(({ image }) => image));
  for (const { spec } of install.spec.deployments)
    for (const { image } of spec.template.spec.containers) assert.ok(listed.has(image), image);
  for (const example of JSON.parse(version.metadata.annotations["alm-examples"] ?? "[]").slice(0, 2) as unknown[])
    for (const image of imagesOf(example)) assert.ok(listed.has(image), image);
  assert.equal(new Set(relatedImages.map(({ name }) => name)).size, relatedImages.length);
});

test("scripts/images.ts prints the images of a document and of the operator", async () => {
  const document = join(checkout, "packages/mesh/testdata/nsm-2020.yaml");
  const { stdout } = await run(process.execPath, [join(checkout, "scripts/images.ts"), document]);
  assert.match(stdout, /^docker\.io\/networkservicemesh\/nsmdp:master$/m);
  assert.match(stdout, /^ghcr\.io\/nsmkit\/nsmkit:v0\.1\.0$/m);
  assert.doesNotMatch(stdout, /cmd-nsmgr/);
});

describe("OLM's own validator", { skip: toolMissing("operator-verify"), timeout: 30_000 }, () => {
  const verify = (folder: string): Promise<Ran> =>
    run(toolPath("operator-verify"), ["manifests", folder, "--object_validate", "--operatorhub_validate"]);
  const findings = ({ stdout, stderr }: Ran): string[] =>
    `${stdout}${stderr}`.split("\n").filter((line) => line !== "" && !line.includes("validator is deprecated"));

  test("finds nothing", async () => {
    const ran = await verify(bundle);
    assert.deepEqual(findings(ran), []);
    assert.equal(ran.status, 0);
  });

  const mistakes: readonly (readonly [string, (text: string) => string, RegExp])[] = [
    ["a definition that the bundle does not have", (text) => text.replace("kind: NSM\n", "kind: NSN\n"), /NSN|NSM/],
    [
      "a version that is none",
      (text) => text.replace(/^ {2}version: 0\.1\.0$/m, "  version: newest"),
      /newest|version/,
    ],
    ["a capability that does not exist", (text) => text.replace("Seamless Upgrades", "Magic"), /Magic|capabilities/i],
    [
      "examples that are no JSON",
      (text) => text.replace(/alm-examples: \|-\n {6}\[/, "alm-examples: |-\n      {"),
      /examples|JSON|invalid character/i,
    ],
  ];
  for (const [what, make, problem] of mistakes)
    test(`would find ${what}`, async () => {
      const folder = await mkdtemp(join(tmpdir(), "nsmkit-olm-"));
      try {
        await cp(bundle, folder, { recursive: true });
        const text = await readFile(join(bundle, file), "utf8");
        assert.notEqual(make(text), text);
        await writeFile(join(folder, file), make(text));
        const found = findings(await verify(folder));
        assert.match(found.join("\n"), problem);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
});

const definition = toolPath("operators.coreos.com_clusterserviceversions.yaml");
describe("OLM's definition on a real API server", {
  skip: toolMissing("operators.coreos.com_clusterserviceversions.yaml") || (controlPlaneMissing() ?? false),
  timeout: 60_000,
}, () => {
  let plane: ControlPlane;
  let admin: KubeClient;
  before(async () => {
    plane = await ControlPlane.start();
    admin = new KubeClient(await plane.config());
  });
  after(async () => {
    await admin?.close();
    await plane?.close();
  });

  test("takes the bundle's main document, every field of it", async () => {
    const crd = {
      group: "apiextensions.k8s.io",
      version: "v1",
      kind: "CustomResourceDefinition",
      plural: "customresourcedefinitions",
      namespaced: false,
    };
    await admin.create(crd, parse(await readFile(definition, "utf8")) as UnknownObject);
    const versions = {
      group: "operators.coreos.com",
      version: "v1alpha1",
      kind: "ClusterServiceVersion",
      plural: "clusterserviceversions",
      namespaced: true,
    };
    const document = (await read()) as unknown as UnknownObject;
    const object = { ...document, metadata: { ...document.metadata, namespace: "default" } };
    const deadline = performance.now() + 20_000;
    for (;;) {
      try {
        const kept = await admin.create<UnknownObject>(versions, object);
        // What the definition does not know, the API server drops in silence; defaults it adds.
        assert.partialDeepStrictEqual(kept.spec, document.spec);
        return;
      } catch (error) {
        if ((error as { code?: string }).code !== "NOT_FOUND" || performance.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    }
  });
});
