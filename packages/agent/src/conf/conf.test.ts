import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readConf } from "./conf.ts";

async function inDirectory(files: Record<string, string>, check: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "nsm-conf-"));
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
    await check(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

test("the file of a part is looked for as given, then in the directory", () =>
  inDirectory({ "http.conf": "endpoint: a:1", "other.conf": "endpoint: b:2" }, async (directory) => {
    const read = async (given: string | undefined) => (await readConf("http", given, { directory }))?.text("endpoint");
    assert.deepEqual(
      await Promise.all([undefined, "other.conf", join(directory, "other.conf"), "", "missing.conf"].map(read)),
      ["a:1", "b:2", "b:2", undefined, undefined],
    );
  }));

test("an empty file is there, without settings", () =>
  inDirectory({ "grpc.conf": "# nothing\n" }, async (directory) => {
    assert.equal((await readConf("grpc", undefined, { directory }))?.text("endpoint"), undefined);
  }));

test("a wrong setting is named with file, value and what it must be", () =>
  inDirectory({ "a.conf": "text: 1\nflag: yes please\nnumber: -1\nlist: x\n" }, async (directory) => {
    const conf = await readConf("a", undefined, { directory });
    const path = join(directory, "a.conf");
    assert.throws(() => conf?.text("text"), { message: `${path}: "text" is 1, must be text` });
    assert.throws(() => conf?.flag("flag"), { message: `${path}: "flag" is "yes please", must be true or false` });
    assert.throws(() => conf?.number("number"), {
      message: `${path}: "number" is -1, must be a whole number, 0 or more`,
    });
    assert.throws(() => conf?.texts("list"), { message: `${path}: "list" is "x", must be a list of texts` });
  }));

test("settings that nobody asks for are known", () =>
  inDirectory({ "a.conf": "known: x\nmisspelt: y\n" }, async (directory) => {
    const conf = await readConf("a", undefined, { directory });
    conf?.text("known");
    assert.deepEqual(conf?.unused(), ["misspelt"]);
  }));

test("a file that is no YAML, or no object, is refused with its place", () =>
  inDirectory({ "a.conf": "x: [", "b.conf": "- a" }, async (directory) => {
    await assert.rejects(readConf("a", undefined, { directory }), /a.conf:1:\d+: not valid YAML/);
    await assert.rejects(
      readConf("b", undefined, { directory }),
      /b.conf: is no object; write settings as "name: value"/,
    );
  }));
