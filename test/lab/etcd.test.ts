// Labs whose agents take their configuration from a real etcd.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { Bench, checkout, users, withoutEtcd } from "./support.ts";

const example = join(checkout, "examples/etcd-chain");

/** The example in a folder of its own, each file changed by `change`. */
function copyExample(bench: Bench, change: (text: string, file: string) => string = (text) => text): string {
  const folder = join(bench.folder, "etcd-chain");
  mkdirSync(folder, { recursive: true });
  for (const file of readdirSync(example).filter((name) => name.endsWith(".yaml")))
    writeFileSync(join(folder, file), change(readFileSync(join(example, file), "utf8"), file));
  return folder;
}

const webInterface = "/vnf-agent/web/config/linux/interfaces/v2/interface/lan";

for (const user of users)
  describe(`as ${user.title}`, { skip: user.skip ?? withoutEtcd ?? false, timeout: 240_000 }, () => {
    test("a changed CNFConfiguration goes through etcd to the agent, and what is taken away goes there too", async () => {
      await using bench = new Bench(user);
      const folder = copyExample(bench);
      await bench.ok("up", folder);
      const changed = copyExample(bench, (text) => text.replace("10.61.0.80/24", "10.61.0.81/24"));
      await bench.ok("apply", join(changed, "web.yaml"));
      assert.match(await bench.agent("web", "kvdb", "get", webInterface), /10\.61\.0\.81\/24/);
      assert.match(await bench.ok("exec", "client", "--", "node", "/app/get.mjs", "http://10.61.0.81/"), /HTTP 200/);
      await bench.ok("delete", "CNFConfiguration/web", "--wait", "0");
      await bench.until(async () => (await bench.agent("web", "kvdb", "list", "web/config/")) === "");
      const gone = "The agent has no values.\n";
      await bench.until(async () => (await bench.agent("web", "values", "cnf.nsm.endpoint")) === gone);
    });

    test("an etcd that is replaced by an empty one is filled again, and the chain works on", async () => {
      await using bench = new Bench(user);
      await bench.ok("up", copyExample(bench));
      const replaced = copyExample(bench, (text) =>
        text.replace("--data-dir=/var/lib/etcd", "--data-dir=/var/lib/etcd2"),
      );
      await bench.ok("up", replaced);
      assert.match(await bench.agent("web", "kvdb", "list", "--keys-only"), new RegExp(`^${webInterface}$`, "m"));
      await bench.ok("check");
    });

    test("what is declared for one agent goes on when the other agents of the store are gone", async () => {
      await using bench = new Bench(user);
      await bench.ok("up", copyExample(bench));
      await bench.ok("delete", "Pod/client", "CNFConfiguration/client", "--wait", "0");
      const changed = copyExample(bench, (text) => text.replace("10.61.0.80/24", "10.61.0.82/24"));
      await bench.ok("apply", join(changed, "web.yaml"));
      assert.match(await bench.agent("web", "kvdb", "get", webInterface), /10\.61\.0\.82\/24/);
      const left = (await bench.agent("web", "kvdb", "list", "client/config/", "--keys-only")).trim();
      assert.equal(left, "");
    });

    test("what others write into etcd stays, and reaches the agent", async () => {
      await using bench = new Bench(user);
      const folder = copyExample(bench);
      await bench.ok("up", folder);
      const arp = "config/linux/l3/v2/arp/tap0/10.60.0.9";
      const value = '{"interface":"tap0","ip_address":"10.60.0.9","hw_address":"02:00:00:00:00:09"}';
      await bench.agent("web", "kvdb", "put", arp, value);
      await bench.until(async () => (await bench.agent("web", "values", "linux.l3.arp")).includes("CONFIGURED"));
      await bench.ok("apply", join(folder, "web.yaml"));
      assert.equal((await bench.agent("web", "kvdb", "get", arp)).trim(), value);
      assert.match(await bench.ok("exec", "web", "--", "ip", "neigh", "show", "dev", "tap0"), /10\.60\.0\.9 /);
    });

    test("values that are imported for an agent reach it over etcd, in one transaction", async () => {
      await using bench = new Bench(user);
      await bench.ok("up", copyExample(bench));
      const rendered = join(bench.folder, "pairs");
      const lines = [1, 2, 3].map((n) => {
        const value = `{"interface":"tap0","ip_address":"10.60.0.1${n}","hw_address":"02:00:00:00:00:1${n}"}`;
        return `config/linux/l3/v2/arp/tap0/10.60.0.1${n} ${value}\n`;
      });
      writeFileSync(rendered, lines.join(""));
      assert.match(await bench.agent("web", "import", rendered), /committed a transaction with 3 writes/);
      await bench.until(
        async () => (await bench.agent("web", "values", "linux.l3.arp")).split("CONFIGURED").length === 4,
      );
      const history = JSON.parse(await bench.agent("web", "config", "history", "-o", "json"));
      const counts = history
        .filter((one: { TxnType: string }) => one.TxnType === "NBTransaction")
        .map(
          (one: { Values?: { Key: string }[] }) => (one.Values ?? []).filter(({ Key }) => Key.includes("/arp/")).length,
        );
      assert.ok(counts.includes(3), `transactions with so many neighbours: ${counts}`);
    });

    test("a Service leads to its Pod from other Pods, from nodes by its port there, and to nothing when that is gone", async () => {
      await using bench = new Bench(user);
      const folder = copyExample(bench, (text, file) =>
        file === "etcd.yaml" ? text.replace("targetPort: client }", "targetPort: client, nodePort: 31379 }") : text,
      );
      await bench.ok("up", folder);
      const get = (url: string) =>
        `fetch(${JSON.stringify(url)}).then((r) => console.log(r.status), (e) => console.log(e.cause?.code ?? e.message))`;
      const from = async (where: string, url: string): Promise<string> =>
        (await bench.ok("exec", where, "--", "node", "-e", get(url))).trim();
      assert.equal(await from("web", "http://cnf-etcd.default:12379/version"), "200");
      assert.equal(await from("node-1", "http://127.0.0.1:31379/version"), "200");
      // By the node's address, as manifests with HOST_IP do.
      assert.equal(await from("web", "http://198.18.0.2:31379/version"), "200");
      await bench.ok("delete", "Pod/cnf-etcd", "--wait", "0");
      assert.match(await from("web", "http://cnf-etcd.default:12379/version"), /ECONNRESET|UND_ERR_SOCKET/);
    });

    test("nothing is left of a lab with Services and etcd", async () => {
      await using bench = new Bench(user);
      await bench.ok("up", copyExample(bench));
      await bench.ok("down", "etcd-chain");
      assert.deepEqual(await bench.leftovers("etcd-chain"), []);
      assert.ok(!existsSync("/var/lib/etcd/member"), "etcd wrote into the machine's own folder");
    });
  });
