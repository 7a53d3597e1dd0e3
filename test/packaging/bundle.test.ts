import assert from "node:assert/strict";
import { chmod, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { programs } from "../../scripts/bundle/entries.ts";
import { withoutIptables } from "../lab/support.ts";
import { Bundle, checkout, isRoot, run } from "./support.ts";

const commands = programs(checkout).map(({ command = "" }) => command);

describe("the bundle", { timeout: 180_000 }, () => {
  let made: Bundle;
  before(async () => {
    made = await Bundle.make();
  });
  after(() => made[Symbol.asyncDispose]());

  test("has every program of cmd/ in bin/, and Node", async () => {
    const folders = await readdir(join(checkout, "cmd"));
    const withMain = [];
    for (const folder of folders) {
      const files = await readdir(join(checkout, "cmd", folder), { recursive: true });
      if (files.includes("src/main.ts")) withMain.push(folder);
    }
    assert.deepEqual((await readdir(join(made.folder, "bin"))).sort(), ["node", ...withMain].sort());
  });

  for (const name of commands)
    test(`${name} prints the same --help and --version as from its sources`, async () => {
      for (const flag of ["--help", "--version"]) {
        const bundled = await run(made.command(name), [flag], { env: made.env });
        const source = await run(process.execPath, [join(checkout, "cmd", name, "src/main.ts"), flag]);
        assert.equal(bundled.status, 0, bundled.stderr);
        assert.deepEqual(bundled, source);
      }
    });

  test("holds nothing but JavaScript, koffi and Node: no sources, no tests, no tools", async () => {
    const files = (await readdir(made.folder, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(made.folder.length + 1));
    const odd = files.filter((file) => !made.sizes.has(file) && !/^(bin\/node|LICENSE|NOTICES\.txt)$/.test(file));
    assert.deepEqual(
      odd.filter((file) => !/^node_modules\/(koffi|@koromix\/koffi-linux-(x64|arm64))\//.test(file)),
      [],
    );
    assert.equal(odd.filter((file) => file.endsWith(".node")).length, 1);
  });

  test("names every package in it, with its licence", async () => {
    const text = await readFile(join(made.folder, "NOTICES.txt"), "utf8");
    for (const name of ["koffi", "pino", "yaml", "zod", "undici", "@peculiar/x509", "node-linux-"])
      assert.match(text, new RegExp(`^${name.replace("/", "\\/")}[^\\n]* \\(`, "m"));
  });

  test("programs run as an ordinary user who may write nowhere", { skip: !isRoot && "needs root" }, async () => {
    await chmod(made.folder, 0o755);
    const become = ["--reuid=10001", "--regid=10001", "--clear-groups", "--no-new-privs", "--bounding-set=-all", "--"];
    for (const name of commands) {
      const { status, stderr } = await run("setpriv", [...become, made.command(name), "--help"], { env: made.env });
      assert.equal(status, 0, `${name}: ${stderr}`);
    }
  });

  const labs = ["examples/nat-chain", "examples/sdk-client", "examples/l2-bridge", "test/packaging/testdata/annotated"];
  for (const example of labs)
    test(`registry, managers, forwarders, clients and agents carry the packets of ${example}`, {
      skip: isRoot ? (withoutIptables ?? false) : "needs root",
    }, async () => {
      const state = await mkdtemp(join(tmpdir(), "nsmkit-bundle-lab-"));
      const env = { ...made.env, NSMKIT_STATE_DIR: state };
      try {
        const path = join(checkout, example);
        const { status, stdout, stderr } = await run(made.command("nsmctl"), ["lab", "demo", "--check", path], { env });
        assert.equal(status, 0, `${stdout}\n${stderr}`);
        assert.match(stdout, /Proof\n(?:.|\n)*✔/);
        assert.doesNotMatch(stdout, /✖/);
      } finally {
        await run(made.command("nsmctl"), ["lab", "down", "--all"], { env });
        await rm(state, { recursive: true, force: true });
      }
    });
});
