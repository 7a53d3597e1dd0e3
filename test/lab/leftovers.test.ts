import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { labProcesses } from "../../cmd/nsmctl/src/lab/host/processes.ts";
import { Bench, checkout, finish, namespacesOf, sleep, until, users, withoutIptables } from "./support.ts";

const plain = join(import.meta.dirname, "testdata/plain");
const chain = join(checkout, "examples/nat-chain");

for (const user of users)
  describe(`what is left of a lab of ${user.title}`, { skip: user.skip ?? false, timeout: 300_000 }, () => {
    test("nothing after down of a chain with rules, links and connections", {
      skip: withoutIptables ?? false,
    }, async () => {
      await using bench = new Bench(user);
      await bench.ok("up", chain);
      const pids = labProcesses(bench.directory("nat-chain")).map(({ pid }) => pid);
      const namespaces = namespacesOf(pids);
      // Supervisor, node and three Pods: each has its own, none is ours.
      assert.equal(namespaces.length, 5);
      assert.ok(!namespaces.includes(namespacesOf([process.pid])[0] ?? ""));
      await bench.ok("down");
      assert.deepEqual(await bench.leftovers("nat-chain", namespaces), []);
    });

    for (const afterMs of [0, 100, 250, 400, 700, 1200])
      test(`nothing after Ctrl-C ${afterMs} ms into up`, async () => {
        await using bench = new Bench(user);
        const up = bench.start(["lab", "up", plain]);
        const finished = finish(up);
        await sleep(afterMs);
        up.kill("SIGINT");
        const { code, stdout, stderr } = await finished;
        // A very early signal ends Node before it listens; a very late one comes when all is done.
        if (code === 0) await bench.ok("down");
        else assert.ok(code === 130 || code === null, `exits ${code}\n${stdout}\n${stderr}`);
        assert.deepEqual(await bench.leftovers("plain"), []);
      });

    test("nothing after Ctrl-C in a demo that waits for it", async () => {
      await using bench = new Bench(user);
      const demo = bench.start(["lab", "demo", plain]);
      await until(demo, "Ctrl-C ends the demo");
      const finished = finish(demo);
      demo.kill("SIGINT");
      const { stdout } = await finished;
      assert.match(stdout, /Lab plain is gone/);
      assert.deepEqual(await bench.leftovers("plain"), []);
    });

    test("nothing after a demo that does not wait", async () => {
      await using bench = new Bench(user);
      await bench.ok("demo", "--check", plain);
      assert.deepEqual(await bench.leftovers("plain"), []);
    });

    test("nothing but the folder after SIGKILL of every process, and not even that after down", async () => {
      await using bench = new Bench(user);
      await bench.ok("up", plain);
      const processes = labProcesses(bench.directory("plain"));
      const namespaces = namespacesOf(processes.map(({ pid }) => pid));
      for (const { pid } of processes) process.kill(pid, "SIGKILL");
      const left = await bench.leftovers("plain", namespaces);
      const folder = [`folder ${bench.directory("plain")}`, "in the folder of labs: plain"];
      assert.deepEqual(
        left.filter((line) => !folder.includes(line)),
        [],
      );
      assert.match(await bench.ok("down", "plain"), /Lab plain is gone/);
      assert.deepEqual(await bench.leftovers("plain", namespaces), []);
    });

    test("the programs end with a supervisor that was killed", async () => {
      await using bench = new Bench(user);
      await bench.ok("up", plain);
      const namespaces = namespacesOf(labProcesses(bench.directory("plain")).map(({ pid }) => pid));
      process.kill((await bench.status()).supervisorPid, "SIGKILL");
      const left = await bench.leftovers("plain", namespaces);
      assert.deepEqual(
        left.filter((line) => line.startsWith("process")),
        [],
      );
      const refused = await bench.run("status");
      assert.match(refused.stderr, /"nsmctl lab up" starts it anew/);
      assert.match(readFileSync(join(bench.directory("plain"), "logs/right/server.log"), "utf8"), /listening/);
    });

    test("up recovers a lab whose supervisor was killed", async () => {
      await using bench = new Bench(user);
      await bench.ok("up", plain);
      process.kill((await bench.status()).supervisorPid, "SIGKILL");
      await bench.ok("up", plain);
      await bench.ok("check");
    });

    test("a program that cleared its environment and left its session ends all the same", async () => {
      await using bench = new Bench(user);
      await bench.ok("up", plain);
      const [, right] = (await bench.status()).pods;
      const hide = "setsid --fork env -i /bin/sleep 4242 </dev/null >/dev/null 2>&1";
      await bench.ok("exec", "right", "--", "sh", "-c", hide);
      const hidden = namespacesOf([right?.pid ?? 0]);
      // Also when all that is marked was killed before.
      for (const { pid, command } of labProcesses(bench.directory("plain")))
        if (!command.includes("4242")) process.kill(pid, "SIGKILL");
      await bench.ok("down");
      assert.deepEqual(await bench.leftovers("plain", hidden), []);
    });

    test("two up of the same lab at once make one lab", async () => {
      await using bench = new Bench(user);
      const both = await Promise.all([bench.run("up", plain), bench.run("up", plain)]);
      for (const { code, stderr } of both) assert.equal(code, 0, stderr);
      const supervisors = labProcesses(bench.directory("plain")).filter(({ command }) =>
        command.includes("lab supervise"),
      );
      assert.equal(supervisors.length, 1);
      await bench.ok("check");
    });
  });
