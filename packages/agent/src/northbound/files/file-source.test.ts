import assert from "node:assert/strict";
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { knownModels } from "@nsmkit/api/model";
import { createScheduler, keyPrefix } from "@nsmkit/scheduler";
import { Northbound } from "../northbound.ts";
import { FileSource } from "./file-source.ts";

async function world(paths: (directory: string) => string[] = (directory) => [directory]) {
  const directory = await mkdtemp(join(tmpdir(), "nsm-files-"));
  const scheduler = createScheduler({ descriptors: [{ name: "all", keySelector: keyPrefix("config/") }] });
  const northbound = new Northbound({ scheduler, checks: [] });
  const files = new FileSource(northbound, {
    paths: paths(directory),
    initial: [join(directory, "..", `${directory}-initial.yaml`)],
    models: knownModels,
    label: "nat",
  });
  return {
    directory,
    files,
    scheduler,
    northbound,
    names: () => [...northbound.store.merged.keys()].map((key) => key.split("/").at(-1)).sort(),
    write: (name: string, ...links: string[]) =>
      writeFile(
        join(directory, name),
        `linuxConfig: {interfaces: [${links.map((link) => `{name: ${link}}`).join(", ")}]}`,
      ),
    async start() {
      const { changes, complete } = await files.load();
      northbound.apply(changes);
      files.start();
      return complete;
    },
    async [Symbol.asyncDispose]() {
      await files.close();
      await scheduler.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function until(what: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !what(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(what(), `still not: ${what}`);
}

test("all files of a directory are read at the start, but not hidden ones and not those below it", async () => {
  await using w = await world();
  await w.write("a.yaml", "a");
  await w.write("b.json", "b");
  await w.write(".hidden.yaml", "c");
  await w.write("note.txt", "d");
  await mkdir(join(w.directory, "sub"));
  await w.write("sub/e.yaml", "e");
  assert.equal(await w.start(), true);
  assert.deepEqual(w.names(), ["a", "b"]);
});

test("a changed file is one transaction, with only what changed in it", async () => {
  await using w = await world();
  await w.write("a.yaml", "a", "b");
  await w.start();
  await w.scheduler.barrier();
  const before = w.scheduler.history().length;
  await w.write("a.yaml", "b", "c", "d");
  await until(() => w.names().includes("d"));
  await w.scheduler.barrier();
  assert.deepEqual(w.names(), ["b", "c", "d"]);
  const [record, ...more] = w.scheduler.history().slice(before);
  assert.deepEqual(
    [more, record?.Values?.map(({ Key, Value }) => [Key.split("/").at(-1), Value === null]).sort()],
    [
      [],
      [
        ["a", true],
        ["c", false],
        ["d", false],
      ],
    ],
  );
});

test("files that come, go and are renamed add and withdraw their values", async () => {
  await using w = await world();
  await w.write("a.yaml", "a");
  await w.start();
  await w.write("b.yaml", "b");
  await until(() => w.names().join() === "a,b");
  await rm(join(w.directory, "a.yaml"));
  await until(() => w.names().join() === "b");
  await rename(join(w.directory, "b.yaml"), join(w.directory, "c.yaml"));
  await until(() => w.files.status.map(({ path }) => path.at(-6)).join() === "c");
  assert.deepEqual(w.names(), ["b"]);
});

test("a broken file leaves what it said before in force and shows what is wrong", async () => {
  await using w = await world();
  await w.write("a.yaml", "a");
  await w.start();
  await writeFile(join(w.directory, "a.yaml"), "linuxConfig: {interfaces: [{nam: b}]}");
  await until(() => w.files.status.some(({ error }) => error !== undefined));
  assert.deepEqual(w.names(), ["a"]);
  const [status] = w.files.status;
  assert.equal(status?.items, 1);
  assert.match(
    status?.error ?? "",
    /a.yaml:1:28: linuxConfig.interfaces\[0\]: linux.interfaces interface: field "nam" is unknown; did you mean "name"\?/,
  );
  await w.write("a.yaml", "b");
  await until(() => w.names().join() === "b");
  assert.equal(w.files.status[0]?.error, undefined);
});

test("a broken file at the start leaves the others to work", async () => {
  await using w = await world();
  await w.write("a.yaml", "a");
  await writeFile(join(w.directory, "b.yaml"), "a:\n\tb: 1");
  assert.equal(await w.start(), false);
  assert.deepEqual([w.names(), w.files.status.map(({ error }) => error === undefined)], [["a"], [true, false]]);
});

test("what two files declare is refused in the second, until the first lets go of it", async () => {
  await using w = await world();
  await w.write("a.yaml", "a");
  await w.start();
  await w.write("b.yaml", "a", "b");
  await until(() => w.files.status.length === 2);
  assert.match(
    w.files.status[1]?.error ?? "",
    /config\/linux\/interfaces\/v2\/interface\/a is declared in .*a.yaml too; keep one/,
  );
  await w.write("a.yaml", "c");
  await until(() => w.names().join() === "a,b,c");
});

test("files of a mounted ConfigMap change when its link is moved", async () => {
  await using w = await world((directory) => [join(directory, "mount")]);
  for (const [version, link] of [
    ["v1", "a"],
    ["v2", "b"],
  ] as const) {
    await mkdir(join(w.directory, version));
    await w.write(`${version}/chain.yaml`, link);
  }
  await mkdir(join(w.directory, "mount"));
  await symlink("../v1", join(w.directory, "mount/..data"));
  await symlink("..data/chain.yaml", join(w.directory, "mount/chain.yaml"));
  await w.start();
  assert.deepEqual(w.names(), ["a"]);
  await symlink("../v2", join(w.directory, "mount/..data_tmp"));
  await rename(join(w.directory, "mount/..data_tmp"), join(w.directory, "mount/..data"));
  await until(() => w.names().join() === "b");
});

test("a directory that comes later is followed from then on", async () => {
  await using w = await world((directory) => [join(directory, "later")]);
  await w.start();
  assert.deepEqual(w.names(), []);
  await mkdir(join(w.directory, "later"));
  await w.write("later/a.yaml", "a");
  await until(() => w.names().join() === "a");
});

test("what is no text is refused, not read as something else", async () => {
  await using w = await world();
  await writeFile(join(w.directory, "a.yaml"), Buffer.from([0xff, 0xfe, 0x00]));
  assert.equal(await w.start(), false);
  assert.match(w.files.status[0]?.error ?? "", /a.yaml: cannot be read: .*/);
});
