import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { mustExist } from "@nsmkit/core";
import { sandbox } from "./testing/sandbox.ts";

const page = await readFile(new URL("../README.md", import.meta.url), "utf8");
const blocks = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map((match) => mustExist(match[1], "code"));
const block = (text: string): string =>
  mustExist(
    blocks.find((code) => code.includes(text)),
    `a block with ${text}`,
  );

/** Runs code as a program of its own, which finds packages as those of this folder do. */
async function run(code: string): Promise<string> {
  const directory = fileURLToPath(new URL("..", import.meta.url));
  const args = ["--input-type=module-typescript", "--eval", code];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: directory, timeout: 30_000 });
  return stdout;
}

test("the example of README.md connects to what it serves and prints what it says", async () => {
  await using mesh = await sandbox();
  const code = block("endpoint({").replace("unix:///var/lib/networkservicemesh/nsm.io.sock", mesh.node.nsmgr.url);
  assert.equal(
    await run(code),
    "a client comes: shop\nnsm-1 has 172.16.1.1/32, web-1 has 172.16.1.0/32\na client has gone\n",
  );
  assert.equal(mesh.connections, 0);
});

test("the sandbox of README.md is a mesh of two nodes", async () => {
  assert.equal(await run(block("sandbox({")), "shop > nsmgr-0 > forwarder-0 > nsmgr-1 > forwarder-1 > web-1\n");
});

test("the element of README.md works in an endpoint", async () => {
  const code = `${block("const sinceKey").replace("export const", "const")}
    import { sandbox } from "@nsmkit/sdk/testing";
    await using mesh = await sandbox();
    const elements = [ages((ms) => console.log(ms >= 0 && ms < 10_000))];
    await mesh.node.endpoint({ name: "web-1", services: ["web"], elements });
    const connection = await mesh.node.client({ name: "shop" }).connect("kernel://web");
    await connection.refresh();
    await connection.close();`;
  assert.equal(await run(code), "true\n");
});

test("every door of package.json is in README.md, and no other", async () => {
  const { exports } = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8")) as {
    exports: Record<string, string>;
  };
  const table = page.slice(page.indexOf("| Door |"), page.indexOf("What is worth knowing"));
  const named = [...table.matchAll(/^\| (`@nsmkit\/sdk.*?) \|/gm)].flatMap((row) =>
    [...mustExist(row[1], "doors").matchAll(/`(?:@nsmkit\/sdk)?(\/[a-z]+)?`/g)].map((door) => `.${door[1] ?? ""}`),
  );
  assert.deepEqual(named.sort(), Object.keys(exports).sort());
});
