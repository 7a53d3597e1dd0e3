import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { type ClusterConfig, inClusterConfig, loadKubeconfig } from "./config.ts";
import { parseKubeconfig } from "./kubeconfig-document.ts";

const cluster = { name: "c", cluster: { server: "https://a:6443/", "certificate-authority-data": "Q0E=" } };
const context = { name: "x", context: { cluster: "c", user: "u", namespace: "n" } };
const document = { "current-context": "x", clusters: [cluster], contexts: [context], preferences: {} };

async function load(content: unknown, files: Readonly<Record<string, string>> = {}): Promise<ClusterConfig> {
  const folder = await mkdtemp(join(tmpdir(), "nsmkit-kubeconfig-"));
  try {
    const text = typeof content === "string" ? content : JSON.stringify(content);
    for (const [name, value] of Object.entries({ config: text, ...files })) await writeFile(join(folder, name), value);
    const config = await loadKubeconfig(join(folder, "config"));
    const header = await config.authorization();
    return { ...config, authorization: async () => header };
  } finally {
    await rm(folder, { recursive: true });
  }
}

const withUser = (user: unknown): unknown => ({ ...document, users: [{ name: "u", user }] });

test("server, authority and namespace of the current context are taken", async () => {
  const config = await load(withUser({ token: "t" }));
  assert.deepEqual(
    { ...config, authorization: await config.authorization() },
    {
      server: "https://a:6443",
      tls: { insecureSkipVerify: false, ca: "CA" },
      namespace: "n",
      authorization: "Bearer t",
    },
  );
});

test("who we are may stand in a token, a file, a password, a certificate or nowhere", async () => {
  const header = async (user: unknown, files = {}) => (await load(withUser(user), files)).authorization();
  assert.equal(await header({ tokenFile: "token" }, { token: "f\n" }), "Bearer f");
  assert.equal(await header({ username: "a", password: "b" }), `Basic ${Buffer.from("a:b").toString("base64")}`);
  assert.equal(await header(null), undefined);
  const { tls } = await load(withUser({ "client-certificate": "crt", "client-key-data": "S0VZ" }), { crt: "CRT" });
  assert.deepEqual([tls.cert, tls.key], ["CRT", "KEY"]);
});

test("a credential plugin is run, and its output stays out of messages", async () => {
  const plugin = (script: string) => ({
    exec: { apiVersion: "client.authentication.k8s.io/v1", command: "/bin/sh", args: ["-c", script], env: null },
  });
  const good = `echo '{"status":{"token":"p","expirationTimestamp":"2099-01-01T00:00:00Z"}}'`;
  assert.equal(await (await load(withUser(plugin(good)))).authorization(), "Bearer p");
  await assert.rejects(load(withUser(plugin("echo secret"))), (error: Error) => !error.message.includes("secret"));
});

test("what is wrong in a file is named with its place", async () => {
  for (const [content, message] of [
    ["[", /it is no kubeconfig/],
    [{ ...document, clusters: [{ name: "c", cluster: {} }] }, /clusters\[0\]\.cluster\.server is missing/],
    [withUser({ token: 7 }), /users\[0\]\.user\.token is no text/],
    [{ ...document, "current-context": "y" }, /there is no context "y"; choose one of: x/],
    [{ ...document, clusters: [] }, /context x names cluster c, which is not there/],
  ] as const) {
    await assert.rejects(load(content), { code: "INVALID_CONFIG", message });
  }
});

test("whatever a file holds is read or refused", () => {
  const entry = fc.record({
    name: fc.jsonValue(),
    cluster: fc.jsonValue(),
    context: fc.jsonValue(),
    user: fc.jsonValue(),
  });
  const near = fc.record({ clusters: fc.array(entry), contexts: fc.array(entry), users: fc.array(entry) });
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), near), (value) => {
      try {
        assert.ok(Array.isArray(parseKubeconfig(value).users));
      } catch (error) {
        assert.match((error as Error).message, /is (no (map|list|text)|missing|neither true nor false)$/);
      }
    }),
  );
});

test("a Pod finds its API server and token, and says what is missing outside a cluster", async () => {
  const folder = await mkdtemp(join(tmpdir(), "nsmkit-account-"));
  try {
    for (const [name, value] of [
      ["ca.crt", "CA"],
      ["namespace", "n\n"],
      ["token", "t"],
    ] as const) {
      await writeFile(join(folder, name), value);
    }
    const env = { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "443" };
    const config = await inClusterConfig(env, { folder });
    assert.equal(config.server, "https://[fd00::1]:443");
    assert.deepEqual([config.namespace, await config.authorization()], ["n", "Bearer t"]);
    await assert.rejects(inClusterConfig({}), { code: "FAILED_PRECONDITION" });
  } finally {
    await rm(folder, { recursive: true });
  }
});
