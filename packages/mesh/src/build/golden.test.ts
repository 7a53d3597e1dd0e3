/** Complete objects of chosen meshes, to be read by people when they change. NSMKIT_UPDATE=1 writes them anew. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { parseNsm } from "../crd/parse.ts";
import { convertNsm } from "../spec/convert.ts";
import { legacy, meshOf, own, readText, readYaml, testdataFolder, upstream } from "../testing/documents.ts";
import { releases } from "../versions/releases.ts";
import { renderYaml } from "./render.ts";

const full = {
  namespace: "nsm-system",
  spire: "managed",
  registry: { type: "k8s", replicaCount: 2 },
  forwarders: [{ type: "vpp" }, { type: "ovs" }, { type: "sriov", nodeSelector: { sriov: "yes" } }],
  jaegerTracing: true,
};

/** The last patch of each minor; what differs between patches is in the tests of releases. */
const minors = releases.filter((release, i) => releases[i + 1]?.split(".")[1] !== release.split(".")[1]);

const platforms = ["openshift", "k3s", "microk8s", "k0s"];
const ipv6 = { ipFamily: "IPv6", excludedPrefixes: ["fd00:10:244::/56", "fd00:10:96::/112"] };

const goldens: Readonly<Record<string, unknown>> = {
  "2020/seed": readYaml("nsm-2020.yaml"),
  "2020/spire-jaeger": legacy({ spire: "true", jaegerTracing: "true", namespace: "nsm-system" }),
  "2020/openshift": legacy({ platform: { kind: "openshift" } }),
  "2023/every-field": readYaml("nsm-2023.yaml"),
  "2023/v1.18.0-full": upstream(full),
  "2023/v1.14.5-spire": upstream({ spire: "managed" }, "v1.14.5"),
  "2023/memory": readYaml("nsm-2023-memory.yaml"),
  "2023/v1.18.0-mirror": upstream({
    spire: "managed",
    csiDrivers: true,
    jaegerTracing: true,
    imageRepository: "registry.example.org/nsm",
    imagePullSecrets: ["pull"],
  }),
  "2023/v1.15.0-ipv6": upstream({ platform: ipv6 }, "v1.15.0"),
  "2023/v1.18.0-ipv6": upstream({ platform: ipv6, spire: "managed", jaegerTracing: true }),
  "nsmkit/ipv6": own({ platform: ipv6 }),
  "nsmkit/kernel": own({ namespace: "nsm-system" }),
  "nsmkit/spire-memory": own({ spire: "managed", registry: { type: "memory" } }),
  ...Object.fromEntries(minors.map((version) => [`2023/${version}`, upstream({ namespace: "nsm-system" }, version)])),
  ...Object.fromEntries(
    platforms.flatMap((kind) => [
      [`platform/${kind}`, upstream({ namespace: "nsm-system", platform: { kind } })],
      [`platform/${kind}-nsmkit`, own({ namespace: "nsm-system", platform: { kind } })],
    ]),
  ),
  "platform/openshift-spire-csi": upstream({
    namespace: "nsm-system",
    platform: { kind: "openshift" },
    spire: "managed",
    csiDrivers: true,
  }),
  "platform/microk8s-spire-csi": upstream({ platform: { kind: "microk8s" }, spire: "managed", csiDrivers: true }),
  "2020/converted": convertNsm(parseNsm(readYaml("nsm-2020.yaml"))).document,
};

test("each golden file belongs to a mesh", () => {
  const folder = join(testdataFolder, "golden");
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".yaml"));
  assert.deepEqual(files.map((file) => file.replace(/\.yaml$/, "")).sort(), Object.keys(goldens).sort());
});

for (const [name, document] of Object.entries(goldens)) {
  test(`the objects of ${name} are those of its golden file`, () => {
    const file = join("golden", `${name}.yaml`);
    const text = renderYaml(meshOf(document));
    if (process.env.NSMKIT_UPDATE === "1") {
      mkdirSync(dirname(join(testdataFolder, file)), { recursive: true });
      writeFileSync(join(testdataFolder, file), text);
    }
    assert.equal(text, readText(file));
  });
}
