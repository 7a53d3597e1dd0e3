import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { parse } from "yaml";
import { usualPrefixes } from "../spec/platform.ts";
import { meshOf, specOf, upstream } from "../testing/documents.ts";
import { releases } from "../versions/releases.ts";
import { fieldTable } from "./docs.ts";
import { platformKinds } from "./fields.ts";

const file = join(import.meta.dirname, "../../../../docs/operator/nsm-resource.md");
const parts: Readonly<Record<string, string>> = {
  "fields 2023": fieldTable("2023"),
  "fields 2020": fieldTable("2020"),
  versions: `Releases of upstream: ${releases.join(", ")}.`,
};

function filled(page: string): string {
  return Object.entries(parts).reduce((text, [name, part]) => {
    const marks = new RegExp(`(<!-- ${name} -->\n)[\\s\\S]*?(<!-- end -->)`);
    assert.match(text, marks, `the page has a place for ${name}`);
    return text.replace(marks, (_, begin: string, end: string) => `${begin}\n${part}\n\n${end}`);
  }, page);
}

test("the page about the resource has every field and release (NSMKIT_UPDATE=1 writes them)", () => {
  const page = readFileSync(file, "utf8");
  if (process.env.NSMKIT_UPDATE === "1") writeFileSync(file, filled(page));
  assert.equal(readFileSync(file, "utf8"), filled(page));
});

test("the README names only what is exported, and its example runs", async () => {
  const readme = readFileSync(join(import.meta.dirname, "../../README.md"), "utf8");
  const [, table = ""] = /## Exports\n([\s\S]*?)\n## /.exec(readme) ?? [];
  const exported = new Set(Object.keys(await import("../index.ts")));
  const named = [...table.matchAll(/^\| (`[^|]*`) \|/gm)].flatMap(([, names = ""]) => names.match(/\w+/g) ?? []);
  assert.deepEqual(
    named.filter((name) => !exported.has(name)),
    [],
  );
  const [, example = ""] = /```ts\n([\s\S]*?)```/.exec(readme) ?? [];
  const index = pathToFileURL(join(import.meta.dirname, "../index.ts")).href;
  const folder = mkdtempSync(join(tmpdir(), "nsmkit-readme-"));
  try {
    const runnable = example
      .replace('"@nsmkit/mesh"', JSON.stringify(index))
      .replace("console.log(name, objects.length, gate.kind)", "void [name, objects, gate]");
    writeFileSync(join(folder, "example.mjs"), runnable);
    await import(pathToFileURL(join(folder, "example.mjs")).href);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("the page about platforms has every distribution with what it gets (NSMKIT_UPDATE=1 writes them)", () => {
  const file = join(import.meta.dirname, "../../../../docs/operator/platforms.md");
  const told = "read by upstream's managers from kubeadm's ConfigMap";
  const rows = platformKinds.map((kind) => {
    const { kubeletRoot } = specOf(upstream({ platform: { kind } })).platform;
    return `| \`${kind}\` | ${kubeletRoot} | ${usualPrefixes[kind].join(", ") || told} |`;
  });
  const head = ["| Kind | Kubelet's folder | Pod and Service prefixes unless found or set |", "|---|---|---|"];
  const table = [...head, ...rows].join("\n");
  const page = readFileSync(file, "utf8");
  const wanted = page.replace(/(<!-- platforms -->\n)[\s\S]*?(<!-- end -->)/, `$1\n${table}\n\n$2`);
  if (process.env.NSMKIT_UPDATE === "1") writeFileSync(file, wanted);
  assert.equal(readFileSync(file, "utf8"), wanted);
  assert.ok(page.includes("<!-- platforms -->"));
});

test("the page's example is a mesh", () => {
  const [, example = ""] = /```yaml\n([\s\S]*?)```/.exec(readFileSync(file, "utf8")) ?? [];
  assert.ok(meshOf(parse(example)).phases.length > 0);
});
