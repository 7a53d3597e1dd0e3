/** What each part of a mesh must be told and given to do its work. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  container,
  env,
  legacy,
  meshOf,
  object,
  objectsOf,
  own,
  upstream,
  workload,
  workloadsOf,
} from "../testing/documents.ts";
import type { Mesh } from "./phase.ts";

const fieldPaths = (mesh: Mesh, name: string): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    (container(mesh, name).env ?? [])
      .filter(({ valueFrom }) => valueFrom !== undefined)
      .map(({ name: variable, valueFrom }) => [
        variable,
        (valueFrom as { fieldRef: { fieldPath: string } }).fieldRef.fieldPath,
      ]),
  );

for (const [whose, mesh] of Object.entries({ upstream: meshOf(upstream()), nsmkit: meshOf(own()) })) {
  test(`the manager of ${whose} knows its Pod, node and address, and listens for the other managers`, () => {
    assert.deepEqual(fieldPaths(mesh, "nsmgr"), {
      NSM_NAME: "metadata.name",
      POD_IP: "status.podIP",
      NODE_NAME: "spec.nodeName",
    });
    assert.equal(container(mesh, "nsmgr").ports?.[0]?.containerPort, 5001);
    assert.equal(
      env(container(mesh, "nsmgr")).NSM_LISTEN_ON,
      "unix:///var/lib/networkservicemesh/nsm.io.sock,tcp://$(POD_IP):5001",
    );
  });

  test(`manager and forwarder of ${whose} share the sockets' folder of the node`, () => {
    const names = workloadsOf(mesh).map(({ metadata }) => metadata.name);
    for (const name of names.filter((one) => one === "nsmgr" || one.startsWith("forwarder"))) {
      const volume = workload(mesh, name).spec.template.spec.volumes?.find((one) => one.name === "nsm-socket");
      assert.equal(volume?.hostPath?.path, "/var/lib/networkservicemesh");
      assert.ok(
        container(mesh, name).volumeMounts?.some(({ mountPath }) => mountPath === "/var/lib/networkservicemesh"),
      );
    }
  });
}

test("upstream's manager is on the node's address too, as upstream has it; ours, which may lack TLS, is not", () => {
  const hostPort = (mesh: Mesh): number | undefined => container(mesh, "nsmgr").ports?.[0]?.hostPort;
  assert.deepEqual([hostPort(meshOf(upstream())), hostPort(meshOf(own()))], [5001, undefined]);
});

test("a data plane lives in the node's network and sees its processes, except sriov and vpp before v1.3.0", () => {
  const seen = (type: string, version: string): unknown => {
    const { hostNetwork, hostPID } = workload(
      meshOf(upstream({ forwarders: [{ type }] }, version)),
      `forwarder-${type}`,
    ).spec.template.spec;
    return [hostNetwork, hostPID ?? false];
  };
  assert.deepEqual(seen("vpp", "v1.18.0"), [true, true]);
  assert.deepEqual(seen("vpp", "v1.2.0"), [true, false]);
  assert.deepEqual(seen("ovs", "v1.18.0"), [true, true]);
  assert.deepEqual(seen("sriov", "v1.18.0"), [true, false]);
});

test("the SPIRE socket's folder must exist before a Pod that needs it starts", () => {
  const volumes = workload(meshOf(upstream()), "nsmgr").spec.template.spec.volumes as readonly { hostPath?: object }[];
  assert.deepEqual(volumes[0]?.hostPath, { path: "/run/spire/sockets", type: "Directory" });
});

test("our manager reads excluded prefixes from a ConfigMap, into which the known ones are written", () => {
  const mesh = meshOf(own({ platform: { kind: "k3s" } }));
  const { data } = object(mesh, "ConfigMap", "nsm-excluded-prefixes") as unknown as { data: Record<string, string> };
  assert.equal(data["excluded_prefixes.yaml"], "prefixes:\n- 10.42.0.0/16\n- 10.43.0.0/16\n");
  const volumes = workload(mesh, "nsmgr").spec.template.spec.volumes as readonly { configMap?: { name: string } }[];
  assert.ok(volumes.some(({ configMap }) => configMap?.name === "nsm-excluded-prefixes"));
});

test("each platform has its kubelet's folder, unless the document names another", () => {
  const root = (platform: object): string | undefined =>
    workload(meshOf(upstream({ platform })), "forwarder-vpp").spec.template.spec.volumes?.find(
      ({ name }) => name === "kubelet-socket",
    )?.hostPath?.path;
  assert.equal(root({ kind: "microk8s" }), "/var/snap/microk8s/common/var/lib/kubelet");
  assert.equal(root({ kind: "k3s" }), "/var/lib/kubelet");
  assert.equal(root({ kind: "k0s", kubeletRoot: "/data/kubelet/" }), "/data/kubelet");
});

test("what the operator finds out about the cluster is used where the document is silent", () => {
  const facts = { platform: "microk8s", excludedPrefixes: ["10.9.0.0/16"], kubeletRoot: "/k" } as const;
  assert.equal(env(container(meshOf(upstream(), facts), "nsmgr", 1)).NSM_EXCLUDED_PREFIXES, "10.9.0.0/16");
  const silenced = meshOf(upstream({ platform: { excludedPrefixes: ["10.8.0.0/16"] } }), facts);
  assert.equal(env(container(silenced, "nsmgr", 1)).NSM_EXCLUDED_PREFIXES, "10.8.0.0/16");
});

test("before Kubernetes 1.28 a webhook has no conditions, and so must not fail", () => {
  const old = { kubernetesMinor: 27 };
  assert.ok(!JSON.stringify(meshOf(upstream(), old).phases).includes("matchConditions"));
  assert.ok(JSON.stringify(meshOf(upstream(), { kubernetesMinor: 28 }).phases).includes("matchConditions"));
  const strict = upstream({ webhook: { failurePolicy: "Fail" } });
  assert.throws(() => meshOf(strict, old), /before Kubernetes 1\.28 Fail would hold up every Pod/);
});

test("network services of both generations are always served, the mesh's own is stored", () => {
  const versions = (mesh: Mesh): unknown => {
    const { spec } = object(mesh, "CustomResourceDefinition", "networkservices.networkservicemesh.io") as unknown as {
      spec: { versions: { name: string; served: boolean; storage: boolean }[] };
    };
    return spec.versions.map(({ name, served, storage }) => `${name} ${served} ${storage}`);
  };
  assert.deepEqual(versions(meshOf(upstream())), ["v1 true true", "v1alpha1 true false"]);
  assert.deepEqual(versions(meshOf(legacy())), ["v1 true false", "v1alpha1 true true"]);
});

test("a mesh asks for no more than one certificate, for the webhook's Service of its own namespace", () => {
  for (const mesh of [meshOf(upstream()), meshOf(own()), meshOf(legacy())]) {
    const [request, ...others] = mesh.certificates;
    assert.deepEqual(others, []);
    const service = objectsOf(mesh).find(
      ({ kind, metadata }) =>
        kind === "Service" && request?.dnsNames[0] === `${metadata.name}.${metadata.namespace}.svc`,
    );
    assert.ok(service);
  }
});
