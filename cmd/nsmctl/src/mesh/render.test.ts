import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parse, parseAllDocuments } from "yaml";
import { runNsmctl } from "../program.ts";

const testdata = join(import.meta.dirname, "../../../../packages/mesh/testdata");
const seed = join(testdata, "nsm-2020.yaml");

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function nsmctl(...args: string[]): Promise<Ran> {
  const written = { out: "", err: "" };
  const stream = (to: "out" | "err") => ({
    write: (text: string) => {
      written[to] += text;
      return true;
    },
  });
  const fake = {
    env: {},
    stdout: stream("out"),
    stderr: stream("err"),
    on: () => fake,
    off: () => fake,
    exit: () => {},
  };
  const code = await runNsmctl({ argv: ["node", "nsmctl", ...args], process: fake as never, program: "nsmctl" });
  return { code, ...written };
}

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "nsmkit-render-"));
});
after(() => rm(folder, { recursive: true, force: true }));

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

const document = (spec: string): string =>
  `apiVersion: nsm.networkservicemesh.io/v1alpha1\nkind: NSM\nmetadata:\n  name: nsm\nspec:\n${spec}`;

describe("nsmctl render", () => {
  test("prints the seed document's objects in install order", async () => {
    const { code, out } = await nsmctl("render", "-f", seed);
    assert.equal(code, 0);
    const kinds = parseAllDocuments(out).map((one) => (one.toJS() as { kind: string }).kind);
    assert.equal(kinds[0], "CustomResourceDefinition");
    assert.equal(kinds.at(-1), "MutatingWebhookConfiguration");
  });

  test("prints the same objects as one List of JSON", async () => {
    const [yaml, json] = await Promise.all([nsmctl("render", "-f", seed), nsmctl("render", "-f", seed, "-o", "json")]);
    const { items } = JSON.parse(json.out) as { items: unknown[] };
    assert.deepEqual(
      items,
      parseAllDocuments(yaml.out).map((one) => one.toJS()),
    );
  });

  test("takes the platform from the command line where the document leaves it open", async () => {
    const { out } = await nsmctl("render", "-f", seed, "--platform", "openshift");
    assert.match(out, /securitycontextconstraints/);
  });

  test("begins with the definition of NSM when asked", async () => {
    const { out } = await nsmctl("render", "-f", seed, "--definition");
    assert.match(out.slice(0, 400), /name: nsms\.nsm\.networkservicemesh\.io/);
  });

  test("tells the line of each problem and exits 2, printing no object", async () => {
    const path = await file(
      "bad.yaml",
      document("  version: v1.18.0\n  registry:\n    type: etcd\n  forwarders: []\n"),
    );
    const { code, out, err } = await nsmctl("render", "-f", path);
    assert.deepEqual([code, out], [2, ""]);
    assert.match(err, /bad\.yaml:8:\d+: spec\.registry\.type: "etcd" is not known; write k8s or memory/);
  });

  test("a file without an NSM, with two, or that is missing is refused", async () => {
    const twice = `${document("  tag: a\n")}---\n${document("  tag: b\n")}`;
    assert.match((await nsmctl("render", "-f", await file("two.yaml", twice))).err, /a second NSM/);
    assert.match((await nsmctl("render", "-f", await file("none.yaml", "kind: Pod\n"))).err, /there is no NSM/);
    assert.equal((await nsmctl("render", "-f", join(folder, "missing.yaml"))).code, 2);
  });
});

describe("nsmctl convert", () => {
  test("rewrites the seed document in the current form, which render accepts", async () => {
    const { code, out, err } = await nsmctl("convert", "-f", seed);
    assert.equal(code, 0);
    assert.deepEqual((parse(out) as { spec: unknown }).spec, {
      version: "v1.18.0",
      nsmPullPolicy: "IfNotPresent",
      spire: "managed",
      registry: { type: "k8s", replicaCount: 1 },
      forwarders: [{ type: "vpp" }],
      webhook: { replicas: 1 },
    });
    assert.match(err, /spec\.tag: master becomes version v1\.18\.0/);
    assert.equal((await nsmctl("render", "-f", await file("converted.yaml", out))).code, 0);
  });

  test("a document of the current form is refused", async () => {
    const { code, err } = await nsmctl("convert", "-f", join(testdata, "nsm-2023.yaml"));
    assert.equal(code, 2);
    assert.match(err, /has the current form already/);
  });
});
