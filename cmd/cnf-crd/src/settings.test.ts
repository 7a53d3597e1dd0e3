import assert from "node:assert/strict";
import { test } from "node:test";
import { parseConfig } from "@nsmkit/core/config";
import { withFlags } from "./flags.ts";
import { parseListenAddress, settings } from "./settings.ts";

const read = (args: string[], env: Record<string, string> = {}) => withFlags(settings, ["node", "main", ...args], env);

test("a flag is its variable, in both spellings, and wins over it", () => {
  const { argv, env } = read(["--kube-config=/k", "--etcd-config", "/e"], { KUBE_CONFIG: "/old", OTHER: "1" });
  assert.deepEqual(argv, ["node", "main"]);
  assert.deepEqual(env, { KUBE_CONFIG: "/k", ETCD_CONFIG: "/e", OTHER: "1" });
});

test("--verbose logs more; what is no flag of ours is left to be refused", () => {
  const { argv, env } = read(["--verbose", "--nonsense", "x", "--kube-config"]);
  assert.equal(env.NSM_LOG_LEVEL, "DEBUG");
  assert.deepEqual(argv.slice(2), ["--nonsense", "x", "--kube-config"]);
});

test("the first controller's environment is understood, and KUBECONFIG too", () => {
  assert.equal(parseConfig(settings, { KUBECONFIG: "/a" }).kubeconfig, "/a");
  assert.equal(parseConfig(settings, { KUBECONFIG: "/a", KUBE_CONFIG: "/b" }).kubeconfig, "/b");
  assert.equal(parseConfig(settings, { ETCD_CONFIG: "/etc/etcd/etcd.conf" }).etcdConfig, "/etc/etcd/etcd.conf");
});

test("a list of models, an address and a URL that are none are refused with a remedy", () => {
  assert.throws(() => parseConfig(settings, { CNF_CRD_UNKNOWN_MODELS: "abx" }), /names no model/);
  assert.throws(() => parseConfig(settings, { CNF_CRD_LISTEN_ON: "8080" }), /write host:port/);
  assert.throws(() => parseConfig(settings, { CNF_CRD_WEBHOOK_URL: "http://x" }), /not an HTTPS URL/);
  assert.deepEqual(parseListenAddress("[::1]:80"), { host: "::1", port: 80 });
});
