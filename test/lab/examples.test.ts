import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { Bench, checkout, users, withoutEtcd, withoutIptables } from "./support.ts";

const examples = readdirSync(join(checkout, "examples"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

/** Why an example cannot run here. */
const needs = (name: string): string | false => (name.startsWith("etcd") ? (withoutEtcd ?? false) : false);

for (const user of users)
  describe(`as ${user.title}`, { skip: user.skip ?? withoutIptables ?? false, timeout: 300_000 }, () => {
    for (const name of examples)
      test(`the example ${name} shows what it says and leaves nothing`, { skip: needs(name) }, async () => {
        await using bench = new Bench(user);
        const { code, stdout, stderr } = await bench.run("demo", "--check", join(checkout, "examples", name));
        assert.equal(code, 0, `${stdout}\n${stderr}`);
        assert.match(stdout, /Proof\n(?:.|\n)*✔/);
        assert.doesNotMatch(stdout, /✖/);
        assert.deepEqual(await bench.leftovers(name), []);
      });
  });
