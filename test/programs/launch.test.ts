// The launcher under the system's Node, which may be too old to run TypeScript.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Mesh } from "./mesh.ts";

const bin = join(import.meta.dirname, "../../cmd/nsm-registry/bin/nsm-registry.mjs");
const old = ["/usr/bin/node", "/usr/local/bin/node"].find(
  (node) =>
    existsSync(node) &&
    spawnSync(node, ["-p", "process.features.typescript"], { encoding: "utf8" }).stdout !== "strip\n",
);
const skip = old === undefined && "no Node on this machine that is too old for TypeScript";

describe("the launcher under an old Node", { timeout: 30_000, skip }, () => {
  test("runs the program on the pinned Node with its arguments and exit code", () => {
    const help = spawnSync(old ?? "", [bin, "--version"], { encoding: "utf8" });
    assert.match(help.stdout, /^nsm-registry \d/);
    assert.equal(spawnSync(old ?? "", [bin, "--nonsense"]).status, 2);
  });

  test("passes SIGTERM on, and the program ends in order", async () => {
    await using mesh = await Mesh.create();
    const child = spawn(old ?? "", [bin], {
      env: { NSM_LISTEN_ON: mesh.registryUrl },
      stdio: ["ignore", "ignore", "pipe"],
    });
    const exited = once(child, "exit");
    const socket = `${mesh.directory}/registry.sock`;
    for (let waited = 0; !existsSync(socket); waited += 10) {
      assert.ok(waited < 10_000, "the program did not start");
      await sleep(10);
    }
    child.kill("SIGTERM");
    assert.deepEqual(await exited, [0, null]);
    assert.ok(!existsSync(socket));
  });
});
