import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { parseConfig } from "@nsmkit/core/config";
import { settings } from "./settings.ts";

test("the first controller's environment is understood, and KUBECONFIG too", () => {
  assert.equal(parseConfig(settings, { KUBECONFIG: "/a" }).kubeconfig, "/a");
  assert.equal(parseConfig(settings, { KUBECONFIG: "/a", KUBE_CONFIG: "/b" }).kubeconfig, "/b");
  assert.equal(parseConfig(settings, { ETCD_CONFIG: "/etc/etcd/etcd.conf" }).etcdConfig, "/etc/etcd/etcd.conf");
});

test("its flags are understood, and what is missing is named with its remedy", () => {
  const main = join(import.meta.dirname, "main.ts");
  const started = (...args: string[]) => spawnSync(process.execPath, [main, ...args], { encoding: "utf8", env: {} });
  const { status, stdout, stderr } = started("--verbose", "--kube-config=/nowhere", "--etcd-config", "/x");
  assert.equal(status, 1);
  assert.match(stdout + stderr, /kubeconfig \/nowhere cannot be read/);
  assert.equal(started("--nonsense").status, 2);
});

test("a list of models, an address and a URL that are none are refused with a remedy", () => {
  assert.throws(() => parseConfig(settings, { CNF_CRD_UNKNOWN_MODELS: "abx" }), /names no model/);
  assert.throws(() => parseConfig(settings, { CNF_CRD_LISTEN_ON: "8080" }), /write one like :8081/);
  assert.throws(() => parseConfig(settings, { CNF_CRD_WEBHOOK_URL: "http://x" }), /not an HTTPS URL/);
});
