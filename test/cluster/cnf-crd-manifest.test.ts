import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { cnfConfigurationDefinition } from "@nsmkit/agent/cnf-configuration";
import { openEtcd } from "@nsmkit/agent/etcd";
import { parseConfig } from "@nsmkit/core/config";
import type { Resource, UnknownObject } from "@nsmkit/kube";
import { parse } from "yaml";
import { cnfConfigurations } from "../../cmd/cnf-crd/src/declared/resource.ts";
import { settings } from "../../cmd/cnf-crd/src/settings.ts";
import { bridge, bridgeKey, resource } from "../../cmd/cnf-crd/src/testing/world.ts";
import { CnfCrdWorld, cnfCrdManifest, resourceOf } from "./cnf-crd-world.ts";
import { ControlPlane, controlPlaneMissing } from "./control-plane.ts";

interface Container {
  readonly command?: readonly string[];
  readonly env?: readonly { readonly name: string }[];
  readonly securityContext?: unknown;
}
interface Workload extends UnknownObject {
  readonly spec: {
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: { readonly securityContext?: unknown; readonly containers: readonly Container[] };
    };
  };
}

const named = async (kind: string, name: string): Promise<UnknownObject> => {
  const found = (await cnfCrdManifest()).find((object) => object.kind === kind && object.metadata.name === name);
  assert.ok(found, `${kind} ${name}`);
  return found;
};

test("names and ports that users' manifests refer to are those of the first controller", async () => {
  for (const name of ["cnf-etcd-cfg", "cnf-etcd-cfg-for-nodeport"]) {
    const { metadata, data } = await named("ConfigMap", name);
    assert.equal(metadata.namespace, "default");
    const conf = parse((data as Record<string, string>)["etcd.conf"] ?? "") as Record<string, unknown>;
    const host = name.endsWith("nodeport") ? "__HOST_IP__:31379" : "cnf-etcd.default.svc.cluster.local:12379";
    assert.deepEqual(conf.endpoints, [host]);
    assert.equal(conf["allow-delayed-start"], true);
  }
  const service = (await named("Service", "cnf-etcd")).spec as { type: string; ports: Record<string, unknown>[] };
  assert.equal(service.type, "NodePort");
  assert.deepEqual([service.ports[0]?.port, service.ports[0]?.nodePort], [12379, 31379]);
  await named("ServiceAccount", "cnf-crd");
});

test("no rule has a star, and the Pod gives away what it does not need", async () => {
  for (const object of await cnfCrdManifest()) {
    if (/Role$/.test(object.kind)) assert.doesNotMatch(JSON.stringify(object.rules), /"\*"/);
  }
  const { spec } = ((await named("Deployment", "cnf-crd")) as Workload).spec.template;
  assert.deepEqual(spec.securityContext, {
    runAsNonRoot: true,
    runAsUser: 10001,
    runAsGroup: 10001,
    seccompProfile: { type: "RuntimeDefault" },
  });
  assert.deepEqual(spec.containers[0]?.securityContext, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  });
});

test("every variable of the Deployment is a setting", async () => {
  const [container] = ((await named("Deployment", "cnf-crd")) as Workload).spec.template.spec.containers;
  for (const { name } of container?.env ?? []) {
    assert.ok(name === "NODE_OPTIONS" || Object.values(settings).some((setting) => setting.env === name), name);
  }
  assert.equal(parseConfig(settings, {}).listenOn, ":8080");
});

const definitions: Resource = resourceOf("CustomResourceDefinition");

/** As the first controller made it, and as the API server keeps it since v1beta1 is gone. */
function oldDefinition(): UnknownObject {
  const item = {
    type: "object",
    required: ["module", "type", "data"],
    properties: {
      module: { type: "string" },
      type: { type: "string" },
      data: { type: "string" },
      name: { type: "string" },
      version: { type: "string" },
      microservice: { type: "string" },
    },
  };
  const spec = {
    type: "object",
    required: ["configItems"],
    properties: { microservice: { type: "string" }, configItems: { type: "array", items: item } },
  };
  const { group, names } = cnfConfigurationDefinition.spec;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: {
      name: "cnfconfigurations.pantheon.tech",
      uid: "0c7c4c4e-5d3a-4f55-9f0e-3f0a4f1f7c11",
      creationTimestamp: "2020-06-01T00:00:00Z",
      generation: 1,
    },
    spec: {
      ...{ group, names, scope: "Namespaced", preserveUnknownFields: true, conversion: { strategy: "None" } },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: "object", required: ["spec"], properties: { spec } } },
        },
      ],
    },
    status: { conditions: [], acceptedNames: { plural: "", kind: "" }, storedVersions: ["v1"] },
  } as UnknownObject;
}

describe("an upgrade from the first controller", { skip: controlPlaneMissing() ?? false }, () => {
  let plane: ControlPlane;
  let world: CnfCrdWorld;
  before(async () => {
    plane = await ControlPlane.start();
    // The API server takes no such definition any more, but clusters that were upgraded have it in their etcd.
    await using store = openEtcd({ endpoints: [plane.etcdUrl] });
    const key = "/registry/apiextensions.k8s.io/customresourcedefinitions/cnfconfigurations.pantheon.tech";
    await store.put(key, JSON.stringify(oldDefinition()));
    world = await CnfCrdWorld.open(plane);
  });
  after(async () => {
    await world?.close();
    await plane?.close();
  });

  test("its definition becomes ours, its resources stay and get a status, its keys are adopted", {
    timeout: 60_000,
  }, async () => {
    const old = await world.until(
      () => world.admin.find<UnknownObject>(definitions, { name: "cnfconfigurations.pantheon.tech" }),
      (found) => found !== undefined,
    );
    assert.equal((old?.spec as { preserveUnknownFields?: boolean }).preserveUnknownFields, true);
    const object = {
      ...resource("nat", [bridge("x")]),
      status: { metadata: {}, status: "Success", message: "", details: { anything: 1 } },
      extra: "kept by the old definition",
    };
    const created = await world.until(
      () => world.admin.create(cnfConfigurations, object as never).catch(() => undefined),
      (found) => found !== undefined,
    );
    assert.equal((created as UnknownObject | undefined)?.extra, "kept by the old definition");
    await world.etcd.put(bridgeKey("x"), '{"name":"x"}');
    const version = String((await world.etcd.get(bridgeKey("x")))?.version);
    await world.start();
    const { status, metadata, spec } = await world.wait("nat", "Stored");
    assert.equal(metadata.uid, created?.metadata.uid);
    assert.deepEqual(spec, object.spec);
    assert.equal(status?.status, "Success");
    assert.equal(
      String((await world.etcd.get(bridgeKey("x")))?.version),
      version,
      "what was right is not written again",
    );
    const live = await world.admin.get<UnknownObject>(definitions, { name: "cnfconfigurations.pantheon.tech" });
    assert.ok(!(live.spec as { preserveUnknownFields?: boolean }).preserveUnknownFields);
    await assert.rejects(
      world.apply({ ...resource("nobody", []), spec: { configItems: [bridge("y")] } }),
      /an item has no microservice/,
    );
  });

  test("a definition that is right already is not written again", { timeout: 60_000 }, async () => {
    const at = { name: "cnfconfigurations.pantheon.tech" };
    const before = await world.admin.get(definitions, at);
    await world.stop();
    await world.start();
    await world.asked();
    assert.equal((await world.admin.get(definitions, at)).metadata.resourceVersion, before.metadata.resourceVersion);
  });
});
