/** Complete objects of chosen meshes, to be read by people when they change. NSMKIT_UPDATE=1 writes them anew. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
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

const goldens: Readonly<Record<string, unknown>> = {
  "2020/seed": readYaml("nsm-2020.yaml"),
  "2020/spire-jaeger": legacy({ spire: "true", jaegerTracing: "true", namespace: "nsm-system" }),
  "2020/openshift": legacy({ platform: { kind: "openshift" } }),
  "2023/every-field": readYaml("nsm-2023.yaml"),
  "2023/v1.18.0-full": upstream(full),
  "2023/v1.14.5-spire": upstream({ spire: "managed" }, "v1.14.5"),
  "nsmkit/kernel": own({ namespace: "nsm-system" }),
  "nsmkit/spire-memory": own({ spire: "managed", registry: { type: "memory" } }),
  ...Object.fromEntries(minors.map((version) => [`2023/${version}`, upstream({ namespace: "nsm-system" }, version)])),
  ...Object.fromEntries(
    ["openshift", "k3s", "microk8s", "k0s"].map((kind) => [
      `platform/${kind}`,
      upstream({ namespace: "nsm-system", platform: { kind } }),
    ]),
  ),
};

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
