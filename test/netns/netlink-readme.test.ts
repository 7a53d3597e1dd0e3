import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { promisify } from "node:util";
import { messageOf } from "@nsmkit/core";
import { openNetlink } from "@nsmkit/netlink";

async function obstacle(): Promise<string | false> {
  await using netlink = await openNetlink();
  try {
    await using _ = await netlink.namespaces.create();
    return false;
  } catch (error) {
    return messageOf(error);
  }
}

test("the example of packages/netlink/README.md does what it shows", { skip: await obstacle() }, async () => {
  const page = await readFile(new URL("../../packages/netlink/README.md", import.meta.url), "utf8");
  const code = /^```ts\n(.*?)^```$/ms.exec(page)?.[1];
  assert.ok(code);
  const args = ["--input-type=module-typescript", "--eval", code];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 20_000 });
  assert.equal(stdout, "3 mine\n");
});
