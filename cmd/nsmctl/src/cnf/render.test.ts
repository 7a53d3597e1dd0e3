// The pairs beside the YAML were compared with those of the original Go code (ligato/vpp-agent pkg/models and jsonpb),
// all but the three of cnf.nsm, which it does not have.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { allModels } from "@nsmkit/api/model/vpp";
import { isCodedError } from "@nsmkit/core";
import type { CommandIo } from "../lab/io.ts";
import { createProgram } from "../program.ts";
import { renderFiles, renderTexts } from "./render.ts";

const folder = join(import.meta.dirname, "testdata");
const names = readdirSync(folder)
  .filter((name) => name.endsWith(".yaml"))
  .map((name) => name.slice(0, -".yaml".length));
const expected = (name: string): string => readFileSync(join(folder, `${name}.pairs`), "utf8");

async function run(...argv: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  let [stdout, stderr] = ["", ""];
  let code = -1;
  const io: CommandIo = {
    env: {},
    uid: 1000,
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
    signal: new AbortController().signal,
    program: "nsmctl",
  };
  await createProgram(io, (result) => {
    code = result;
  }).parseAsync(["node", "nsmctl", ...argv]);
  return { code, stdout, stderr };
}

for (const name of names) {
  test(`nsmctl cnf render prints the pairs of ${name}.yaml`, async () => {
    const { code, stdout } = await run("cnf", "render", "-f", join(folder, `${name}.yaml`));
    assert.equal(stdout, expected(name));
    assert.equal(code, 0);
  });
}

test("the corpus has at least 60 items and every model that can be declared", () => {
  const keys = names.flatMap((name) => expected(name).trimEnd().split("\n"));
  assert.ok(keys.length >= 60, `${keys.length}`);
  const seen = new Set(
    keys.map((line) => {
      const [, , , ...rest] = line.slice(0, line.indexOf(" {")).split("/");
      return allModels.modelOfKey(rest.join("/"))?.model;
    }),
  );
  const missing = allModels.models.filter((model) => model.spec.class === "config" && !seen.has(model));
  assert.deepEqual(
    missing.map(({ name }) => name),
    [],
  );
});

test("a folder is all its files, and several files keep their order", async () => {
  const all = await renderFiles([folder]);
  assert.equal(
    all.pairs.map(({ key, value }) => `${key} ${value}\n`).join(""),
    names.toSorted().map(expected).join(""),
  );
  assert.equal((await renderFiles([folder, join(folder, "interfaces.yaml")])).pairs.length, all.pairs.length);
});

test("documents of other kinds are left out and named on the error stream", async () => {
  const { stderr } = await run("cnf", "render", "-f", join(folder, "mesh-and-linux.yaml"));
  assert.match(stderr, /^left out: .*mesh-and-linux\.yaml:\d+:1: Pod edge\/viewer\n$/);
});

const document = (items: string, name = "a"): string =>
  `apiVersion: pantheon.tech/v1\nkind: CNFConfiguration\nmetadata: { name: ${name} }\nspec:\n  microservice: nat\n  configItems:\n${items}`;

function refusal(...texts: string[]): string[] {
  try {
    renderTexts(texts.map((text, i) => ({ name: `${"abc"[i]}.yaml`, text })));
  } catch (error) {
    assert.ok(isCodedError(error, "INVALID_CONFIG"), String(error));
    return error.message.split("\n");
  }
  return assert.fail("was rendered");
}

test("one key in two documents is an error that names both", () => {
  const pool = document("  - module: vpp.nat\n    type: nat44-pool\n    data: '{first_ip: 10.0.0.1}'\n");
  const same = document(
    "  - module: vpp.nat\n    type: nat44-pool\n    data: |\n      firstIp: 10.0.0.1\n      last_ip: 10.0.0.1",
    "b",
  );
  assert.deepEqual(refusal(pool, same), [
    "1 to correct, nothing is rendered",
    "b.yaml:9:11: CNFConfiguration default/b item 1: vpp.nat.nat44-pool /vnf-agent/nat/config/vpp/nat/v2/nat44-pool/vrf/0/address/10.0.0.1 is declared twice, also at a.yaml:9:11: CNFConfiguration default/a item 1; keep one",
  ]);
});

test("one key for two agents is no conflict", () => {
  const item = "module: vpp.nat\n    type: nat44-global\n    data: ''\n";
  const { pairs } = renderTexts([{ name: "a", text: document(`  - ${item}  - microservice: b\n    ${item}`) }]);
  assert.deepEqual(
    pairs.map(({ key }) => key),
    ["/vnf-agent/nat/config/vpp/nat/v2/nat44-global", "/vnf-agent/b/config/vpp/nat/v2/nat44-global"],
  );
});

test("what is wrong in all files is told at once, more than ten things too", () => {
  const wrong = "  - module: vpp\n    type: interfaces\n    data: '{name: a, typ: TAP}'\n";
  const lines = refusal(document(wrong.repeat(12)), "a: [", "kind: x\n---\n- 1");
  assert.equal(lines.length, 1 + 12 + 1 + 2);
  assert.equal(lines[0], "15 to correct, nothing is rendered");
  assert.match(
    lines[12] ?? "",
    /^a\.yaml:42:11: CNFConfiguration default\/a item 12: vpp interfaces "a": field "typ" is unknown; did you mean "type"\?$/,
  );
  assert.match(lines[13] ?? "", /^b\.yaml:1:\d+: not valid YAML/);
  assert.match(lines[15] ?? "", /^c\.yaml:3:1: the document is no Kubernetes object/);
});

test("a version that is not the model's is an error, not an unknown model", () => {
  assert.match(
    refusal(document("  - module: vpp.nat\n    version: v1\n    type: nat44-global\n    data: ''\n"))[1] ?? "",
    /^a\.yaml:8:14: CNFConfiguration default\/a item 1: version is "v1", vpp\.nat nat44-global has v2; write that or leave it out$/,
  );
});

test("a kind or group that was meant to be ours is an error", () => {
  assert.deepEqual(
    refusal("apiVersion: pantheon.tech/v1\nkind: CnfConfig", "apiVersion: v1\nkind: CNFConfigurations"),
    [
      "2 to correct, nothing is rendered",
      'a.yaml:2:7: kind is "CnfConfig" of pantheon.tech/v1; write CNFConfiguration and pantheon.tech/v1',
      'b.yaml:2:7: kind is "CNFConfigurations" of v1; write CNFConfiguration and pantheon.tech/v1',
    ],
  );
});

test("a name with a line break is refused, since it would break the line", () => {
  assert.match(
    refusal(document('  - module: vpp\n    type: interfaces\n    data: |\n      name: "a\\nb"\n'))[1] ?? "",
    /^a\.yaml:9:11: .* item 1: the key "config\/vpp\/v2\/interfaces\/a\\nb" has a control character/,
  );
});

test("files without a CNFConfiguration, missing files and files that are no text are errors", async () => {
  const directory = await mkdtemp(join(tmpdir(), "nsmctl-cnf-"));
  try {
    await assert.rejects(renderFiles([directory]), (error) => isCodedError(error, "NOT_FOUND"));
    await assert.rejects(renderFiles([join(directory, "x.yaml")]), (error) => isCodedError(error, "NOT_FOUND"));
    await writeFile(join(directory, "x.yaml"), "apiVersion: v1\nkind: Pod\n");
    await assert.rejects(renderFiles([directory]), (error) => isCodedError(error, "NOT_FOUND"));
    await writeFile(join(directory, "x.yaml"), Buffer.from([0xff, 0xfe, 0x00]));
    await assert.rejects(renderFiles([directory]), (error) => isCodedError(error, "INVALID_CONFIG"));
  } finally {
    await rm(directory, { recursive: true });
  }
});

const foreign = (annotation: string): string => `apiVersion: pantheon.tech/v1
kind: CNFConfiguration
metadata: { name: a${annotation} }
spec:
  microservice: nat
  configItems:
    - module: vpp.abx
      type: abx
      name: one
      data: "{b: 1, a: <x>}"
`;

test("items of models that are not known are errors, which say how to allow them", () => {
  assert.throws(
    () => renderTexts([{ name: "a.yaml", text: foreign("") }]),
    (error) => isCodedError(error, "INVALID_CONFIG") && /a\.yaml:7:15: .*vpp\.abx.*unknown/.test(error.message),
  );
});

test("they are taken over unread where the resource or the command line allows it, as cnf-crd does", () => {
  const line = [{ key: "/vnf-agent/nat/config/vpp/abx/v1/abx/one", value: '{"a":"\\u003cx\\u003e","b":1}' }];
  const annotated = foreign(', annotations: { "pantheon.tech/unknown-models": vpp.abx/abx }');
  assert.deepEqual(renderTexts([{ name: "a.yaml", text: annotated }]).pairs, line);
  assert.deepEqual(renderTexts([{ name: "a.yaml", text: foreign("") }], { unknownModels: "vpp.abx/*" }).pairs, line);
});
