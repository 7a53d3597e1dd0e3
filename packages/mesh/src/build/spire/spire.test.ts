/** A SPIRE that comes with the mesh: as each release was tested with it, in every cluster, from one release to the next. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseNsm } from "../../crd/parse.ts";
import { normalise } from "../../spec/normalise.ts";
import {
  container,
  env,
  legacy,
  meshOf,
  object,
  objectsOf,
  own,
  specOf,
  upstream,
  workload,
  workloadsOf,
} from "../../testing/documents.ts";
import { releases } from "../../versions/releases.ts";
import { isAtLeast } from "../../versions/semver.ts";
import { buildMesh } from "../build.ts";
import { configAnnotation } from "../labels.ts";
import type { Mesh } from "../phase.ts";

const managed = (version = "v1.18.0", more: object = {}): Mesh =>
  meshOf(upstream({ spire: "managed", ...more }, version));
const tag = (mesh: Mesh, name: string, index = 0): string => container(mesh, name, index).image.split(":").at(-1) ?? "";

for (const version of releases) {
  test(`${version} has the SPIRE that upstream tested it with, server and agent alike`, () => {
    const mesh = managed(version);
    const wanted = isAtLeast(version, "v1.16.0") ? "1.12.4" : isAtLeast(version, "v1.14.0") ? "1.9.5" : "1.6.1";
    assert.deepEqual([tag(mesh, "spire-server"), tag(mesh, "spire-agent")], [wanted, wanted]);
    assert.equal(tag(mesh, "spire-server", 1), isAtLeast(version, "v1.16.0") ? "0.6.2" : "0.2.2");
  });
}

test("a mesh that goes back to an older release keeps the newer SPIRE, and one that goes on takes its own", () => {
  const built = (version: string, identityRelease: string): Mesh =>
    buildMesh(specOf(upstream({ spire: "managed" }, version)), { identityRelease });
  assert.equal(tag(built("v1.13.3", "v1.14.5"), "spire-server"), "1.9.5");
  assert.equal(tag(built("v1.13.3", "v1.14.5"), "nsmgr"), "v1.13.3");
  assert.equal(tag(built("v1.18.0", "v1.14.5"), "spire-server"), "1.12.4");
});

test("server before agents before who needs identities", () => {
  const order = managed().phases.map(({ name }) => name);
  const at = ["spire-server", "spire-agent", "spire-identities", "registry"].map((name) =>
    order.indexOf(name as never),
  );
  assert.deepEqual(
    at,
    at.toSorted((a, b) => a - b),
  );
  assert.ok(!at.includes(-1));
});

test("every Pod of the mesh that speaks TLS gets an identity, none of SPIRE's own namespace does", () => {
  for (const mesh of [managed(), meshOf(own({ spire: "managed" }))]) {
    const { spec } = object(mesh, "ClusterSPIFFEID", "nsm-workloads") as unknown as {
      spec: { podSelector: { matchLabels: Record<string, string> } };
    };
    const [[key = "", value] = []] = Object.entries(spec.podSelector.matchLabels);
    const named = workloadsOf(mesh).filter(({ spec }) => spec.template.metadata.labels[key] === value);
    const names = named.map(({ metadata }) => metadata.name).filter((name) => !name.startsWith("forwarder"));
    assert.deepEqual(
      names.sort(),
      mesh.phases.some(({ name }) => name === "registry") ? ["nsmgr", "registry-k8s"] : [],
    );
    assert.equal(named.length, 3);
  }
});

test("a mirror holds the images of SPIRE, Jaeger and the drivers too, and its credentials are used for all", () => {
  const document = upstream({
    spire: "managed",
    csiDrivers: true,
    jaegerTracing: true,
    imageRepository: "registry.example.org:5000/nsm/",
    imagePullSecrets: ["pull"],
    nsmPullPolicy: "Always",
  });
  const old = legacy({
    registry: "registry.example.org:5000",
    org: "nsm",
    spire: true,
    jaegerTracing: true,
    pullPolicy: "Always",
    imagePullSecrets: ["pull"],
  });
  for (const mesh of [meshOf(document), meshOf(old)]) {
    for (const { metadata, spec } of workloadsOf(mesh)) {
      const pod = spec.template.spec as unknown as { imagePullSecrets?: unknown };
      assert.deepEqual(pod.imagePullSecrets, [{ name: "pull" }], metadata.name);
      for (const { image, imagePullPolicy } of spec.template.spec.containers) {
        assert.match(image, /^registry\.example\.org:5000\/nsm\/[a-z0-9-]+:[a-z0-9.]+$/, metadata.name);
        assert.equal(imagePullPolicy, "Always", `${metadata.name} ${image}`);
      }
    }
  }
});

test("without a mirror every image is where its makers put it", () => {
  const images = workloadsOf(managed("v1.18.0", { jaegerTracing: true, csiDrivers: true })).flatMap(({ spec }) =>
    spec.template.spec.containers.map(({ image }) => image.slice(0, image.lastIndexOf("/"))),
  );
  assert.deepEqual([...new Set(images)].sort(), [
    "ghcr.io/networkservicemesh",
    "ghcr.io/spiffe",
    "jaegertracing",
    "otel",
    "registry.k8s.io/sig-storage",
  ]);
});

test("a changed setting starts the programs anew that read it when they start, and a changed log level does not", () => {
  const digests = (more: object): (string | undefined)[] =>
    ["spire-server", "spire-agent"].map((name) => {
      const { annotations } = workload(managed("v1.18.0", more), name).spec.template.metadata as {
        annotations?: Record<string, string>;
      };
      return annotations?.[configAnnotation];
    });
  const before = digests({});
  assert.ok(before.every((digest) => digest !== undefined));
  assert.deepEqual(digests({ nsmLogLevel: "DEBUG" }), before);
  for (const [i, digest] of digests({ trustDomain: "example.org" }).entries()) assert.notEqual(digest, before[i]);
});

test("another trust domain begins another store, since a server refuses that of a stranger", () => {
  const { data } = object(
    managed("v1.18.0", { trustDomain: "example.org" }),
    "ConfigMap",
    "spire-server",
  ) as unknown as {
    data: Record<string, string>;
  };
  assert.match(data["server.conf"] ?? "", /connection_string = "\/run\/spire\/data\/example\.org\/datastore\.sqlite3"/);
  assert.match(data["server.conf"] ?? "", /keys_path = "\/run\/spire\/data\/example\.org\/keys\.json"/);
});

test("CSI drivers are named and placed as the kubelet of the platform finds them", () => {
  const mesh = managed("v1.18.0", { csiDrivers: true, platform: { kind: "k0s" } });
  for (const [name, driver] of [
    ["nsm-csi", "csi.networkservicemesh.io"],
    ["spiffe-csi-driver", "csi.spiffe.io"],
  ] as const) {
    object(mesh, "CSIDriver", driver);
    const { volumes = [] } = workload(mesh, name).spec.template.spec;
    const folders = volumes.map(({ hostPath }) => hostPath?.path);
    for (const folder of [`plugins/${driver}`, "pods", "plugins_registry"]) {
      assert.ok(folders.includes(`/var/lib/k0s/kubelet/${folder}`), `${name} ${folder}`);
    }
    const mounts = container(mesh, name).volumeMounts as readonly { mountPath: string; mountPropagation?: string }[];
    assert.deepEqual(
      mounts.filter(({ mountPropagation }) => mountPropagation === "Bidirectional").map(({ mountPath }) => mountPath),
      ["/var/lib/k0s/kubelet/pods"],
    );
    const args = container(mesh, name, 1).args as readonly string[];
    assert.ok(args.includes(`-kubelet-registration-path=/var/lib/k0s/kubelet/plugins/${driver}/csi.sock`));
  }
  assert.equal(env(container(mesh, "nsm-csi")).NSM_SOCKET_DIR, "/shared");
});

test("OpenShift is told that the drivers' volumes are for restricted Pods too", () => {
  const openshift = managed("v1.18.0", { csiDrivers: true, platform: { kind: "openshift" } });
  for (const driver of ["csi.networkservicemesh.io", "csi.spiffe.io"]) {
    const { labels } = object(openshift, "CSIDriver", driver).metadata;
    assert.equal(labels?.["security.openshift.io/csi-ephemeral-volume-profile"], "restricted");
  }
});

test("with somebody else's SPIRE only the mesh's own driver is installed, and nothing of SPIRE", () => {
  const mesh = meshOf(upstream({ spire: "external", csiDrivers: true }));
  object(mesh, "CSIDriver", "csi.networkservicemesh.io");
  assert.ok(
    !objectsOf(mesh).some(({ metadata }) => metadata.namespace === "spire" || metadata.name === "csi.spiffe.io"),
  );
});

test("combinations that would not work are refused: TLS without identities, upstream without SPIRE, names for nobody", () => {
  for (const [document, said] of [
    [legacy({ insecure: "false", spire: "false" }), /write spire: "true" or insecure: "true"/],
    [legacy({ insecure: false }), /write spire: "true" or insecure: "true"/],
    [upstream({ spire: "none" }), /write managed or external/],
    [own({ spire: "none", trustDomain: "example.org" }), /remove it, or write spire: managed/],
    [own({ spire: "external", trustDomain: "example.org" }), /remove it, or write spire: managed/],
  ] as const) {
    const normalised = normalise(parseNsm(document));
    assert.ok(!normalised.ok);
    assert.match(normalised.problems.map(({ message }) => message).join(), said);
  }
});
