/** The NSM resource and the objects of meshes against a real API server: what it accepts, refuses, and says. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { messageOf } from "@nsmkit/core";
import { findDrift, KubeClient, type UnknownObject } from "@nsmkit/kube";
import {
  buildMesh,
  convertNsm,
  fieldManager,
  grantedRules,
  type Mesh,
  type MeshObject,
  normalise,
  nsmAdmissionPolicy,
  nsmDefinition,
  parseNsm,
  type Rule,
  releases,
  resourceOf,
} from "@nsmkit/mesh";
import { parse } from "yaml";
import { ControlPlane, controlPlaneMissing } from "./control-plane.ts";

const testdata = join(import.meta.dirname, "../../packages/mesh/testdata");
const read = (file: string): unknown => parse(readFileSync(join(testdata, file), "utf8"));
const nsms = resourceOf({ apiVersion: "nsm.networkservicemesh.io/v1alpha1", kind: "NSM" });

const nsm = (spec: Readonly<Record<string, unknown>>, name = "nsm"): UnknownObject => ({
  apiVersion: "nsm.networkservicemesh.io/v1alpha1",
  kind: "NSM",
  metadata: { name, namespace: "default" },
  spec,
});

describe("NSM on a real API server", { skip: controlPlaneMissing() ?? false }, () => {
  let plane: ControlPlane;
  let client: KubeClient;
  before(async () => {
    plane = await ControlPlane.start();
    client = new KubeClient(await plane.config());
    await apply(client, nsmDefinition());
    for (const object of nsmAdmissionPolicy()) await apply(client, object);
    await until(async () => (await client.list(nsms)).items.length === 0);
    // A policy is compiled some time after it is stored; until then everything passes.
    await until(async () => {
      const probe = nsm({ version: "v1.18.0", registry: "docker.io", forwarders: [{ type: "vpp" }] });
      return await client.create(nsms, probe, { dryRun: true }).then(
        () => false,
        () => true,
      );
    });
    for (const name of ["nsm", "nsm-system", "spire"]) {
      await apply(client, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
    }
  });
  after(async () => {
    await client?.close();
    await plane?.close();
  });

  for (const file of ["nsm-2020.yaml", "nsm-2023.yaml", "nsm-2023-memory.yaml"]) {
    test(`${file} is stored as it is written`, async () => {
      const document = read(file) as UnknownObject;
      const stored = await client.create(nsms, document);
      assert.deepEqual(stored.spec, document.spec);
      await client.delete(nsms, { namespace: document.metadata.namespace ?? "", name: document.metadata.name ?? "" });
    });
  }

  test("booleans may be booleans in a document of 2020", async () => {
    const stored = await client.create(nsms, nsm({ registry: "docker.io", insecure: true, spire: false }), {
      dryRun: true,
    });
    assert.equal((stored.spec as { insecure?: unknown }).insecure, true);
  });

  for (const file of ["nsm-2020.yaml", "nsm-2023.yaml", "nsm-2023-memory.yaml"]) {
    test(`${file} is taken by server-side apply, which refuses fields that the schema does not have`, async () => {
      const document = read(file) as UnknownObject;
      const applied = await client.apply<UnknownObject>(nsms, document, { fieldManager: "kubectl", dryRun: true });
      assert.deepEqual(applied.spec, document.spec);
    });
  }

  const old = { registry: "registry.example.org:5000", org: "mirror", tag: "v0.2.0", replicas: 2, namespace: "nsm" };
  for (const [title, document] of [
    ["the document of 2020", read("nsm-2020.yaml")],
    ["one with all that has a successor", nsm({ ...old, jaegerTracing: "true", platform: { kind: "k3s" } })],
    ["one with SPIRE and pull secrets", nsm({ tag: "v0.2.0", spire: true, imagePullSecrets: ["pull"] })],
  ] as const) {
    test(`what nsmctl convert makes of ${title} is taken too`, async () => {
      const converted = convertNsm(parseNsm(document)).document;
      const created = await client.create<UnknownObject>(nsms, converted, { dryRun: true });
      assert.deepEqual(created.spec, converted.spec);
      await client.apply<UnknownObject>(nsms, converted, { fieldManager: "kubectl", dryRun: true });
    });
  }

  const forms: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    "2020 with SPIRE and Jaeger": {
      registry: "docker.io",
      tag: "v0.2.0",
      spire: "true",
      jaegerTracing: "true",
      platform: { kind: "openshift" },
    },
    nsmkit: {
      provider: "nsmkit",
      namespace: "nsm-system",
      registry: { type: "k8s", replicaCount: 3 },
      forwarders: [{ type: "kernel" }],
      webhook: { replicas: 2, failurePolicy: "Fail" },
    },
    "values in spellings that the server does not keep": {
      version: "v1.18.0",
      registry: {
        type: "k8s",
        resources: { requests: { cpu: "0.5", memory: "1024Mi" }, limits: { cpu: "1000m", memory: "1.5Gi" } },
        envVars: [
          { name: "EMPTY", value: "" },
          { name: "FROM", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } },
        ],
      },
      forwarders: [{ type: "vpp", resources: { limits: { memory: "0.5Ki", "hugepages-2Mi": "4096Ki" } } }],
    },
    ...Object.fromEntries(
      releases.map((version) => [
        version,
        {
          version,
          namespace: "nsm-system",
          spire: "managed",
          jaegerTracing: true,
          registry: { type: "k8s", replicaCount: 2, hostPort: true },
          forwarders: [{ type: "vpp" }, { type: "sriov", nodeSelector: { sriov: "yes" } }],
          webhook: {},
        },
      ]),
    ),
  };

  test("CustomResourceDefinitions of every form are created, and change from one form to the other", async () => {
    for (const spec of [forms.nsmkit, forms["2020 with SPIRE and Jaeger"], forms["v1.18.0"]]) {
      const { phases } = meshOf(nsm(spec ?? {}));
      for (const object of phases.find(({ name }) => name === "crds")?.objects ?? []) await apply(client, object);
    }
    const spiffeIds = resourceOf({ apiVersion: "spire.spiffe.io/v1alpha1", kind: "ClusterSPIFFEID" });
    await until(async () => (await client.list(spiffeIds)).items.length === 0);
  });

  test("who has the granted rights and may write roles can apply the roles of every form, and not without", async () => {
    const roles = Object.values(forms).flatMap((spec) =>
      meshOf(nsm(spec))
        .phases.flatMap(({ objects }) => objects)
        .filter(({ kind }) => kind === "Role" || kind === "ClusterRole"),
    );
    await using poor = new KubeClient(await plane.config(await accountWith(client, "poor", [writeRoles])));
    await using rich = new KubeClient(
      await plane.config(await accountWith(client, "rich", [writeRoles, ...grantedRules()])),
    );
    const [first] = roles;
    assert.ok(first);
    await until(async () => (await rich.list(resourceOf(first))).items.length > 0);
    await assert.rejects(apply(poor, first, true), { code: "PERMISSION_DENIED" });
    for (const role of roles) await apply(rich, role, true);
  });

  for (const [title, spec] of Object.entries(forms)) {
    test(`every object of ${title} passes the server's dry run`, async () => {
      const document = {
        ...nsm(spec),
        metadata: { name: "nsm", namespace: "default", uid: "2f1e6a0c-0000-4000-8000-000000000001" },
      };
      for (const object of meshOf(document).phases.flatMap(({ objects }) => objects)) {
        const applied = await apply(client, object, true);
        assert.deepEqual(resourcesOf(applied), resourcesOf(object));
        // What the server drops or writes in another way would be put right, and written, for ever.
        assert.equal(findDrift(object, applied, fieldManager), undefined, `${object.kind}/${object.metadata.name}`);
      }
    });
  }
});

function meshOf(document: unknown): Mesh {
  const normalised = normalise(parseNsm(document));
  assert.ok(normalised.ok, JSON.stringify(normalised));
  return buildMesh(normalised.spec, {
    certificates: new Map(
      buildMesh(normalised.spec).certificates.map(({ secret }) => [
        `${secret.namespace}/${secret.name}`,
        { ca: testPem("CERTIFICATE"), certificate: testPem("CERTIFICATE"), key: testPem("PRIVATE KEY") },
      ]),
    ),
  });
}

const writeRoles: Rule = {
  apiGroups: ["rbac.authorization.k8s.io"],
  resources: ["roles", "clusterroles"],
  verbs: ["get", "list", "create", "patch"],
};

/** A token of a new service account with these rights in the whole cluster. */
async function accountWith(client: KubeClient, name: string, rules: readonly Rule[]): Promise<string> {
  const rbac = "rbac.authorization.k8s.io";
  await apply(client, { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace: "default" } });
  await apply(client, { apiVersion: `${rbac}/v1`, kind: "ClusterRole", metadata: { name }, rules });
  await apply(client, {
    apiVersion: `${rbac}/v1`,
    kind: "ClusterRoleBinding",
    metadata: { name },
    roleRef: { apiGroup: rbac, kind: "ClusterRole", name },
    subjects: [{ kind: "ServiceAccount", name, namespace: "default" }],
  });
  const tokens = {
    group: "",
    version: "v1",
    kind: "TokenRequest",
    plural: `serviceaccounts/${name}/token`,
    namespaced: true,
  };
  const request = {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    metadata: { namespace: "default" },
    spec: { expirationSeconds: 3600 },
  };
  const { status } = (await client.create<UnknownObject>(tokens, request)) as unknown as { status: { token: string } };
  return status.token;
}

/** Quantities are compared as text: what is rendered is what is stored. */
function resourcesOf(object: UnknownObject): unknown {
  const { template } = (object.spec ?? {}) as {
    template?: { spec?: { containers?: readonly { resources?: object }[] } };
  };
  return template?.spec?.containers?.map(({ resources = {} }) => resources);
}

const testPem = (label: string): string => `-----BEGIN ${label}-----\nAAAA\n-----END ${label}-----\n`;

function apply(client: KubeClient, object: MeshObject, dryRun = false): Promise<UnknownObject> {
  return client.apply<UnknownObject>(resourceOf(object), object, { fieldManager, dryRun });
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 30_000;
  let last: unknown;
  while (performance.now() < deadline) {
    try {
      if (await condition()) return;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`the condition did not come true: ${messageOf(last)}`);
}
