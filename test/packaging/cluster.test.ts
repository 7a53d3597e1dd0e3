// What a cluster's API server makes of our packages, and what the packaged operator does on it.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { KubeClient, type UnknownObject } from "@nsmkit/kube";
import { nsmDefinition, resourceOf } from "@nsmkit/mesh";
import { parse } from "yaml";
import { ControlPlane, controlPlaneMissing } from "../cluster/control-plane.ts";
import { chart, deployed, helm, template } from "./helm.ts";
import { PodProcess } from "./pod.ts";
import { Bundle, checkout, run, toolMissing } from "./support.ts";

const nsms = { group: "nsm.networkservicemesh.io", version: "v1alpha1", kind: "NSM", plural: "nsms", namespaced: true };
const definition = nsmDefinition() as unknown as UnknownObject;
const crds = resourceOf(definition as never);
const unshare = await run("unshare", ["--mount", ...(process.getuid?.() === 0 ? [] : ["--map-root-user"]), "true"]);
const noMount = unshare.status === 0 ? undefined : `no mount namespace: ${unshare.stderr.trim()}`;

describe("on a real API server", { skip: controlPlaneMissing() ?? noMount ?? false, timeout: 240_000 }, () => {
  let plane: ControlPlane;
  let admin: KubeClient;
  let bundle: Bundle;
  before(async () => {
    bundle = await Bundle.make();
    plane = await ControlPlane.start();
    admin = new KubeClient(await plane.config());
  });
  after(async () => {
    await admin?.close();
    await bundle?.[Symbol.asyncDispose]();
    await plane?.close();
  });

  const apply = (object: UnknownObject): Promise<UnknownObject> =>
    admin.apply(resourceOf(object as never) as never, object, { fieldManager: "kubectl" });
  const find = (kind: string, apiVersion: string, name: string, namespace?: string) =>
    admin.find<UnknownObject>(resourceOf({ apiVersion, kind } as never) as never, {
      name,
      ...(namespace === undefined ? {} : { namespace }),
    });
  const until = async <T>(look: () => Promise<T | undefined>, what: string, pod: PodProcess): Promise<T> => {
    const deadline = performance.now() + 30_000;
    while (performance.now() < deadline) {
      const found = await look();
      if (found !== undefined) return found;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`not in time: ${what}\n${pod.log}`);
  };
  const helmHere = async (...args: string[]): Promise<string> => {
    const done = await helm(args, { KUBECONFIG: await plane.kubeconfig() });
    assert.equal(done.status, 0, `helm ${args.join(" ")}\n${done.stdout}${done.stderr}`);
    return done.stdout;
  };
  const deployment = (namespace: string) =>
    admin.get<UnknownObject>(resourceOf({ apiVersion: "apps/v1", kind: "Deployment" } as never) as never, {
      name: "nsm-operator",
      namespace,
    });

  test("the first operator's manifest, unchanged, beside our roles runs our program and its mesh of 2020", async () => {
    // Applied as it was to the namespace of the context; the roles are ours, moved there.
    for (const object of await deployed("operator.yaml")) {
      if (object.kind === "Namespace" || object.kind === "Deployment") continue;
      const moved = JSON.parse(JSON.stringify(object).replaceAll('"nsm-system"', '"default"')) as UnknownObject;
      await apply(moved);
    }
    const text = await readFile(join(checkout, "packages/mesh/testdata/operator-2020.yaml"), "utf8");
    const seed = parse(text) as UnknownObject;
    await apply({ ...seed, metadata: { ...seed.metadata, namespace: "default" } });
    const live = await deployment("default");
    await using pod = await PodProcess.start(live, { plane, admin, bundle });
    assert.equal(await pod.ready(), "leading");
    const nsm = parse(await readFile(join(checkout, "packages/mesh/testdata/nsm-2020.yaml"), "utf8")) as UnknownObject;
    await admin.create(nsms, nsm);
    const daemons = () => find("DaemonSet", "apps/v1", "nsmgr", "default");
    await until(daemons, "the managers' DaemonSet", pod);
    await admin.delete(nsms, { name: "nsm", namespace: "default" });
    const gone = async () => ((await admin.find(nsms, { name: "nsm", namespace: "default" })) ? undefined : true);
    await until(gone, "the removal of the mesh", pod);
    assert.equal(await daemons(), undefined);
  });

  describe("a release of the chart", { skip: toolMissing("helm") }, () => {
    test("installs definition, operator and mesh at once; its operator gets the mesh going", async () => {
      await admin.delete(crds as never, { name: definition.metadata.name ?? "" });
      const goneYet = async () =>
        (await admin.find(crds as never, { name: definition.metadata.name ?? "" })) === undefined;
      while (!(await goneYet())) await new Promise((resolve) => setTimeout(resolve, 50));
      for (const object of await deployed("operator.yaml")) await remove(object as unknown as UnknownObject);
      const mesh = { provider: "nsmkit", registry: { type: "memory" }, forwarders: [{ type: "kernel" }] };
      const values = ["--set-json", `nsm={"create":true,"spec":${JSON.stringify(mesh)}}`];
      const out = await helmHere("install", "nsm-operator", chart, "-n", "nsm-system", "--create-namespace", ...values);
      assert.match(out, /rollout status deployment\/nsm-operator/);
      await using pod = await PodProcess.start(await deployment("nsm-system"), { plane, admin, bundle });
      await pod.ready();
      await until(() => find("Deployment", "apps/v1", "registry", "nsm-system"), "the registry", pod);
    });

    test("is upgraded with new values, and its operator upgrades an older definition", async () => {
      await admin.update(crds as never, older(await definitionNow()));
      await helmHere("upgrade", "nsm-operator", chart, "-n", "nsm-system", "--reuse-values", "--set", "replicas=2");
      const live = await deployment("nsm-system");
      assert.equal((live.spec as { replicas: number }).replicas, 2);
      assert.deepEqual(
        specProperties(await definitionNow()).trustDomain,
        undefined,
        "Helm leaves the definition alone",
      );
      await using pod = await PodProcess.start(live, { plane, admin, bundle });
      await pod.ready();
      assert.deepEqual(specProperties(await definitionNow()), specProperties(definition));
    });

    test("goes and leaves the definition and the mesh's resource, nothing else", async () => {
      await helmHere("uninstall", "nsm-operator", "-n", "nsm-system");
      for (const object of await deployed("operator.yaml")) {
        const { kind, apiVersion, metadata } = object;
        const left = await find(kind, apiVersion, metadata.name, metadata.namespace);
        // What Helm was told to make for itself alone.
        if (kind !== "Namespace") assert.equal(left, undefined, `${kind} ${metadata.name} is still there`);
      }
      assert.ok(await definitionNow());
      assert.ok(await admin.find(nsms, { name: "nsm", namespace: "nsm-system" }));
    });

    const remove = async (object: UnknownObject): Promise<void> => {
      if (object.kind === "Namespace") return;
      const { name = "" } = object.metadata;
      const namespace = object.metadata.namespace === undefined ? {} : { namespace: "default" };
      await admin.delete(resourceOf(object as never) as never, { name, ...namespace });
    };
    const definitionNow = () => admin.get<UnknownObject>(crds as never, { name: definition.metadata.name ?? "" });
  });

  test("every value of the chart together is accepted (dry run)", { skip: toolMissing("helm") }, async () => {
    const values = join(import.meta.dirname, "testdata/every-value.yaml");
    // A ServiceMonitor needs a definition that is not ours.
    const objects = await template("--values", values, "--set", "metrics.serviceMonitor.enabled=false");
    await apply(definition);
    for (const name of ["mesh-a", "mesh-b", "nsm-system", "spire"])
      await apply({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
    for (const object of objects) {
      if (object.kind === "Namespace") continue;
      const { metadata } = await admin.create(
        resourceOf(object as never) as never,
        object as unknown as UnknownObject,
        {
          dryRun: true,
        },
      );
      assert.equal(metadata.name, object.metadata.name);
    }
    assert.ok(objects.length > 15);
  });
});

interface Definition {
  readonly versions: readonly {
    readonly schema: { readonly openAPIV3Schema: { readonly properties: { readonly spec: SpecSchema } } };
  }[];
}
interface SpecSchema {
  readonly properties: Record<string, unknown>;
  "x-kubernetes-validations"?: unknown;
}
function specProperties(object: UnknownObject): Record<string, unknown> {
  return (object.spec as unknown as Definition).versions[0]?.schema.openAPIV3Schema.properties.spec.properties ?? {};
}

/** The definition as a release may have had it that knew no `trustDomain` and no rules. */
function older(live: UnknownObject): UnknownObject {
  const copy = structuredClone(live);
  const schema = (copy.spec as unknown as Definition).versions[0]?.schema.openAPIV3Schema.properties.spec as SpecSchema;
  delete schema.properties.trustDomain;
  delete schema["x-kubernetes-validations"];
  return copy;
}
