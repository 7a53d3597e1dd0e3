// nsmctl agent with real agents of a lab: what the pages show is what happens.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { unzipSync } from "fflate";
import { Bench, checkout, finish, sleep, until, users, withoutIptables } from "./support.ts";

const veth = `linuxConfig:
  interfaces:
    - name: lan
      type: VETH
      enabled: true
      ip_addresses: [10.99.0.1/24]
      veth: { peer_if_name: other }
    - { name: other, type: VETH, enabled: true, veth: { peer_if_name: lan } }
  routes:
    - { outgoing_interface: lan, dst_network: 10.98.0.0/16, gw_addr: 10.99.0.9 }
`;

for (const user of users)
  describe(`as ${user.title}`, { skip: user.skip ?? withoutIptables ?? false, timeout: 240_000 }, () => {
    test("values are declared, watched and withdrawn, and the history tells it", async () => {
      await using bench = new Bench(user);
      await bench.ok("up", join(checkout, "examples/nat-chain"));
      const file = join(bench.folder, "veth.yaml");
      writeFileSync(file, veth);

      const plan = await bench.agent("nat", "config", "update", file, "--dry-run");
      assert.match(plan, /CREATE +CONFIGURED +config\/linux\/interfaces\/v2\/interface\/lan/);
      assert.equal((await bench.ok("exec", "nat", "--", "ls", "/sys/class/net")).includes("lan"), false);

      const watch = bench.start(["agent", "--pod", "nat", "config", "watch", "linux.*"]);
      const watched = finish(watch);
      // The subscription is there when the first change comes; others may have to be made until then.
      const seen = until(watch, "route 10.98.0.0/16/lan CONFIGURED");
      await sleep(1500);
      assert.match(
        await bench.agent("nat", "config", "update", file, "--wait", "--labels", "from=test"),
        /^3 values declared over gRPC, transaction \d+\nall are in place\n$/,
      );
      await seen;
      watch.kill("SIGINT");
      assert.equal((await watched).code, 130);

      const table = await bench.agent("nat", "config", "get", "--labels", "from=test", "-o", "table");
      assert.equal(table.trim().split("\n").length, 4);
      assert.match(await bench.ok("exec", "nat", "--", "ip", "route"), /10\.98\.0\.0\/16 via 10\.99\.0\.9 dev lan/);

      await bench.agent("nat", "config", "delete", file, "--wait");
      assert.equal((await bench.ok("exec", "nat", "--", "ls", "/sys/class/net")).includes("lan"), false);
      const history = JSON.parse(await bench.agent("nat", "config", "history", "-o", "json"));
      const deleted = history.flatMap((one: { Executed?: { Operation: string; Key: string }[] }) => one.Executed ?? []);
      assert.ok(
        deleted.some(({ Operation, Key }: Record<string, string>) => Operation === "DELETE" && Key?.endsWith("/lan")),
      );
    });

    test("what somebody broke is repaired by a resync", async () => {
      await using bench = new Bench(user);
      await bench.ok("up", join(checkout, "examples/nat-chain"));
      await bench.ok("exec", "client", "--", "ip", "route", "del", "80.80.80.0/24");
      assert.match(await bench.agent("client", "config", "resync"), /status sync/);
      assert.match(
        await bench.ok("exec", "client", "--", "ip", "route"),
        /80\.80\.80\.0\/24 via 192\.168\.100\.1 dev tap0/,
      );
    });

    test("every reading command of the pages works, and a report holds what they say", async () => {
      await using bench = new Bench(user);
      await bench.ok("up", join(checkout, "examples/nat-chain"));
      const show = (...args: string[]): Promise<string> => bench.agent("nat", ...args);
      assert.match(await show("status"), /Label: +nat\n[\s\S]*State: +OK/);
      assert.match(await show("values", "linux.*"), /masquerade +CONFIGURED/);
      assert.match(await show("dump", "linux.interfaces.interface", "--view", "SB"), /outside0/);
      assert.match(await show("dump", "--view", "NB", "-o", "json", "cnf.*"), /"network_service": "nat-chain"/);
      assert.match(await show("config", "retrieve"), /RuleChain:/);
      assert.match(await show("model", "list", "cnf.*"), /upnp\.NetworkServiceClient/);
      assert.match(await show("model", "inspect", "linux.l3.route"), /"outgoing_interface"/);
      assert.match(await show("metrics", "list", "txn_"), /ligato_kvscheduler_txn_processed/);
      assert.match(await show("metrics", "get", "txn_processed"), /txn_processed +\d+/);
      assert.match(await show("log", "list"), /default +info/);
      assert.equal(await show("log", "set", "scheduler", "debug"), "logger scheduler has been set to level debug\n");
      assert.match(await show("log", "list", "sched"), /scheduler +debug/);
      const path = (await show("report", "-o", bench.folder)).trim();
      const files = unzipSync(readFileSync(path));
      for (const name of ["_report.txt", "configuration.yaml", "values.txt", "history.json", "dump-sb.yaml"])
        assert.ok((files[name]?.length ?? 0) > 0, name);
    });

    test("an agent is found by its label, and one that is not there is named", async () => {
      await using bench = new Bench(user);
      await bench.ok("up", join(checkout, "examples/nat-chain"));
      const ran = async (...args: string[]) => {
        const child = bench.start(["agent", ...args]);
        child.stdin?.end();
        return finish(child);
      };
      assert.equal((await ran("--lab", "nat-chain", "--service-label", "web", "status")).code, 0);
      const several = await ran("--lab", "nat-chain", "status");
      assert.equal(several.code, 2);
      assert.match(several.stderr, /choose one with --pod: client, nat, web/);
      assert.match(
        (await ran("--pod", "wen", "status")).stderr,
        /there is no agent in Pod wen; the agents are in client, nat, web/,
      );
      assert.match((await ran("--pod", "web", "kvdb", "list")).stderr, /does not take its configuration from etcd/);
    });
  });
