/**
 * All that builders can make: every release with each data plane, registry and platform, our own programs, and v0.2; held
 * against the server's published schemas, strictly, and then applied by a dry run. What two meshes have in common is
 * checked once.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { findDrift, KubeClient, type UnknownObject } from "@nsmkit/kube";
import {
  buildMesh,
  fieldManager,
  isAtLeast,
  type Mesh,
  type MeshObject,
  normalise,
  nsmAdmissionPolicy,
  nsmDefinition,
  parseNsm,
  releases,
  resourceOf,
} from "@nsmkit/mesh";
import { parseAllDocuments } from "yaml";
import { ControlPlane, controlPlaneMissing } from "./control-plane.ts";
import { OpenApi } from "./openapi.ts";

const golden = join(import.meta.dirname, "../../packages/mesh/testdata/golden");
const platforms = ["kubernetes", "openshift", "k3s", "microk8s", "k0s"] as const;

type Spec = Readonly<Record<string, unknown>>;

/** Titles and documents of everything. */
function* everything(): Generator<readonly [string, Spec]> {
  const common = { namespace: "nsm-system", spire: "managed", webhook: {}, imagePullSecrets: ["pull"] };
  for (const kind of platforms) {
    const platform = { kind };
    for (const version of releases) {
      const types = ["vpp", "sriov", ...(version === "v1.0.0" ? [] : ["ovs"])];
      const csiDrivers = isAtLeast(version, "v1.10.0");
      for (const type of ["k8s", "memory"]) {
        const spec = { ...common, version, platform, csiDrivers, jaegerTracing: true, registry: { type } };
        yield [`${version} ${type} on ${kind}`, { ...spec, forwarders: types.map((one) => ({ type: one })) }];
      }
    }
    for (const type of ["k8s", "memory"]) {
      for (const spire of ["managed", "external", "none"]) {
        const spec = { ...common, provider: "nsmkit", platform, spire, registry: { type } };
        yield [`nsmkit ${type} ${spire} on ${kind}`, { ...spec, forwarders: [{ type: "kernel" }] }];
      }
    }
    for (const flag of ["true", "false"]) {
      const spec = { registry: "docker.io", namespace: "nsm-system", platform, spire: flag, jaegerTracing: flag };
      for (const forwardingPlaneName of ["vpp", "kernel"]) {
        yield [`2020 ${forwardingPlaneName} with SPIRE ${flag} on ${kind}`, { ...spec, forwardingPlaneName }];
      }
    }
  }
  for (const ipFamily of ["IPv4", "IPv6"]) {
    const spec = { ...common, version: "v1.18.0", platform: { ipFamily }, registry: { type: "k8s", replicaCount: 3 } };
    const webhook = { replicas: 2, failurePolicy: "Fail" };
    yield [`v1.18.0 in several replicas over ${ipFamily}`, { ...spec, webhook, forwarders: [{ type: "vpp" }] }];
  }
}

describe("everything that is built", { skip: controlPlaneMissing() ?? false }, () => {
  let plane: ControlPlane;
  let client: KubeClient;
  let openapi: OpenApi;
  /** By their text, with one mesh that has it. */
  const objects = new Map<string, { readonly object: MeshObject; readonly title: string }>();

  before(async () => {
    plane = await ControlPlane.start();
    client = new KubeClient(await plane.config());
    const add = (title: string, object: MeshObject): void => {
      const text = JSON.stringify(object);
      if (!objects.has(text)) objects.set(text, { object, title });
    };
    for (const [title, spec] of everything()) {
      for (const object of meshOf(spec).phases.flatMap((phase) => phase.objects)) add(title, object);
    }
    for (const object of [nsmDefinition(), ...nsmAdmissionPolicy()]) add("the operator's definitions", object);
    for (const file of readdirSync(golden, { recursive: true, encoding: "utf8" })) {
      if (!file.endsWith(".yaml")) continue;
      for (const document of parseAllDocuments(readFileSync(join(golden, file), "utf8"))) {
        add(`golden file ${file}`, document.toJS() as MeshObject);
      }
    }
    // What other objects need to be there: namespaces, and definitions of kinds.
    for (const name of ["nsm-system", "nsm", "spire"])
      await apply({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
    for (const { object } of objects.values()) {
      if (object.kind === "CustomResourceDefinition" && /spiffe/.test(object.metadata.name ?? "")) await apply(object);
    }
    const identities = resourceOf({ apiVersion: "spire.spiffe.io/v1alpha1", kind: "ClusterSPIFFEID" });
    await until(async () => (await client.list(identities)).items.length === 0);
    const published = async (): Promise<boolean> => {
      openapi = await OpenApi.read(client);
      const probe = { apiVersion: "spire.spiffe.io/v1alpha1", kind: "ClusterSPIFFEID", metadata: { name: "probe" } };
      return openapi.problemsOf(probe).length === 0;
    };
    await until(published);
  });
  after(async () => {
    await client?.close();
    await plane?.close();
  });

  const apply = (object: MeshObject, dryRun = false): Promise<UnknownObject> =>
    client.apply<UnknownObject>(resourceOf(object), object, { fieldManager, dryRun });

  test("the check refuses what a server would drop or misread", () => {
    const deployment = (spec: object): UnknownObject => ({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "probe" },
      spec,
    });
    const good = { selector: {}, template: { spec: { containers: [{ name: "a", ports: [{ containerPort: 1 }] }] } } };
    assert.deepEqual(openapi.problemsOf(deployment(good)), []);
    for (const [bad, problem] of [
      [{ ...good, replica: 1 }, "spec.replica: unknown field"],
      [{ ...good, replicas: "1" }, 'spec.replicas: "1" is no whole number'],
      [{ template: good.template }, "spec.selector: missing"],
      [{ ...good, template: { spec: { containers: {} } } }, "spec.template.spec.containers: no list"],
      [
        { ...good, template: { spec: { containers: [{ name: "a", ports: [{ hostport: 1 }] }] } } },
        "spec.template.spec.containers[0].ports[0].hostport: unknown field",
      ],
    ] as const) {
      assert.ok(openapi.problemsOf(deployment(bad)).includes(problem), openapi.problemsOf(deployment(bad)).join());
    }
    assert.ok(openapi.kinds > 60, `${openapi.kinds} kinds`);
  });

  test("fits the published schemas, with no field that they do not have", (t) => {
    t.diagnostic(`${objects.size} different objects`);
    assert.ok(objects.size > 1_500, `${objects.size} objects`);
    const problems = [...objects.values()].flatMap(({ object, title }) =>
      openapi.problemsOf(object).map((problem) => `${title}: ${object.kind}/${object.metadata.name} ${problem}`),
    );
    assert.deepEqual(problems, []);
  });

  test("passes the server's dry run, and is stored as it is written", { timeout: 120_000 }, async () => {
    const queue = [...objects.values()];
    const problems: string[] = [];
    const work = async (): Promise<void> => {
      for (let next = queue.pop(); next; next = queue.pop()) {
        const { object, title } = next;
        const name = `${title}: ${object.kind}/${object.metadata.name}`;
        try {
          const applied = await apply(object, true);
          const drift = findDrift(object, applied, fieldManager);
          if (drift !== undefined) problems.push(`${name} is stored otherwise: ${drift}`);
        } catch (error) {
          problems.push(`${name}: ${error}`);
        }
      }
    };
    await Promise.all(Array.from({ length: 6 }, work));
    assert.deepEqual(problems, []);
  });
});

function meshOf(spec: Spec): Mesh {
  const metadata = { name: "nsm", namespace: "default", uid: "2f1e6a0c-0000-4000-8000-000000000001" };
  const document = { apiVersion: "nsm.networkservicemesh.io/v1alpha1", kind: "NSM", metadata, spec };
  const normalised = normalise(parseNsm(document));
  assert.ok(normalised.ok, JSON.stringify(normalised));
  const pem = (label: string): string => `-----BEGIN ${label}-----\nAAAA\n-----END ${label}-----\n`;
  const certificate = { ca: pem("CERTIFICATE"), certificate: pem("CERTIFICATE"), key: pem("PRIVATE KEY") };
  const wanted = buildMesh(normalised.spec).certificates.map(({ secret }) => `${secret.namespace}/${secret.name}`);
  return buildMesh(normalised.spec, { certificates: new Map(wanted.map((name) => [name, certificate])) });
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 30_000;
  let last: unknown = "it is false";
  while (performance.now() < deadline) {
    try {
      if (await condition()) return;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`the condition did not come true: ${last}`);
}
