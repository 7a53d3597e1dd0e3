import assert from "node:assert/strict";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { Bench, finish, sleep, until, users } from "./support.ts";

const plain = join(import.meta.dirname, "testdata/plain");

for (const user of users)
  describe(`a lab of ${user.title}`, { skip: user.skip ?? false, timeout: 300_000 }, () => {
    const bench = new Bench(user);
    const folder = join(bench.folder, "documents");
    cpSync(plain, folder, { recursive: true });
    after(() => bench[Symbol.asyncDispose]());
    const edit = (from: string, to: string): void => {
      const file = join(folder, "lab.yaml");
      const text = readFileSync(file, "utf8");
      assert.ok(text.includes(from), from);
      writeFileSync(file, text.replace(from, to));
    };

    test("a dry run prints the plan and starts nothing", async () => {
      assert.match(await bench.ok("up", "--dry-run", folder), /\+ create pod left\n/);
      assert.match(await bench.ok("list"), /^NAME.*\n$/);
    });

    test("up makes it, and its checks hold", async () => {
      assert.match(await bench.ok("up", folder), /Lab plain is up/);
      assert.match(await bench.ok("check"), /✔ left reaches right/);
    });

    test("up again finds nothing to do and leaves every process alone", async () => {
      const before = await bench.status();
      assert.match(await bench.ok("up", folder), /Nothing to do/);
      assert.deepEqual(
        (await bench.status()).pods.map((pod) => pod.containers.map((container) => container.pid)),
        before.pods.map((pod) => pod.containers.map((container) => container.pid)),
      );
    });

    test("status tells programs, Pods and addresses, for people and for machines", async () => {
      const status = await bench.status();
      assert.deepEqual(
        status.pods.map((pod) => pod.interfaces.map((link) => link.addresses)),
        [[["10.9.0.1/24"]], [["10.9.0.2/24"]]],
      );
      assert.equal(status.rootless, user.uid !== 0);
      assert.ok(status.nodes.every((node) => node.ready));
      assert.match(await bench.ok("status"), /right +eth1 +up +10\.9\.0\.2\/24/);
      assert.match(await bench.ok("status", "-o", "yaml"), /^name: plain$/m);
    });

    test("exec runs in the Pod with the container's environment and folder, and exits as the program", async () => {
      const inside = await bench.run("exec", "left", "--", "sh", "-c", "echo $COLOUR $PWD $(hostname); cat; exit 7");
      assert.equal(inside.code, 7, inside.stderr);
      assert.equal(inside.stdout, "red /usr left\n");
      const child = bench.start(["lab", "exec", "right", "--", "cat", "-"]);
      child.stdin?.end("through the pipe\n");
      assert.equal((await finish(child)).stdout, "through the pipe\n");
      assert.equal(await bench.ok("exec", "right", "--", "cat", "/proc/sys/net/ipv4/ip_forward"), "1\n");
      assert.match(await bench.ok("exec", "node-1", "--", "hostname"), /^node-1\n$/);
    });

    test("what does not exist is refused by name with what does", async () => {
      const pod = await bench.run("exec", "middle", "--", "true");
      assert.equal(pod.code, 2);
      assert.match(pod.stderr, /no Pod or node middle; there are left, right, node-1/);
      const container = await bench.run("exec", "left", "-c", "x", "--", "true");
      assert.match(container.stderr, /no container x; it has main/);
      assert.match((await bench.run("status", "--lab", "x")).stderr, /there is no lab "x"; there are plain/);
    });

    test("logs tell a container's output, and follow it", async () => {
      assert.equal(await bench.ok("logs", "right"), "listening\n");
      const following = bench.start(["lab", "logs", "-f", "right"]);
      await until(following, "listening\n");
      const [, right] = (await bench.status()).pods;
      process.kill(right?.containers[0]?.pid ?? 0, "SIGKILL");
      await until(following, "ended by SIGKILL");
      following.kill("SIGINT");
      assert.equal((await finish(following)).code, 130);
    });

    test("a container that was killed runs again and is counted", async () => {
      for (let i = 0; i < 100; i++) {
        const server = (await bench.status()).pods[1]?.containers[0];
        if (server?.state === "running") {
          assert.equal(server.restarts, 1);
          return void (await bench.ok("check"));
        }
        await sleep(50);
      }
      assert.fail("did not come back");
    });

    test("a changed ConfigMap changes files under the running program, and nothing else", async () => {
      edit("greeting: hello", "greeting: welcome");
      edit("contains: hello", "contains: welcome");
      assert.equal(planOf(await bench.ok("up", folder)), "~ update config map server");
      await bench.ok("check");
    });

    test("a changed Pod is replaced with its link, the other one stays", async () => {
      const before = await bench.status();
      edit("value: red", "value: blue");
      assert.equal(
        planOf(await bench.ok("up", folder)),
        "± replace pod left\n± replace link left:eth1--right:eth1 (one of its ends is replaced)",
      );
      const afterwards = await bench.status();
      assert.notEqual(
        afterwards.pods.find((pod) => pod.name === "left")?.pid,
        before.pods.find((pod) => pod.name === "left")?.pid,
      );
      assert.equal(
        afterwards.pods.find((pod) => pod.name === "right")?.pid,
        before.pods.find((pod) => pod.name === "right")?.pid,
      );
      await bench.ok("check");
    });

    test("apply adds a document and delete removes it, without the others", async () => {
      const file = join(bench.folder, "extra.yaml");
      writeFileSync(
        file,
        "apiVersion: v1\nkind: Pod\nmetadata: {name: extra}\nspec: {containers: [{name: a, command: [sleep, infinity]}]}\n",
      );
      assert.equal(planOf(await bench.ok("apply", file)), "+ create pod extra");
      assert.equal((await bench.status()).pods.length, 3);
      assert.equal(planOf(await bench.ok("delete", "pod/extra")), "- delete pod extra");
      assert.equal((await bench.status()).pods.length, 2);
      assert.match((await bench.run("delete", "pod/extra")).stderr, /has no pod\/extra; it has Lab\/plain/);
    });

    test("a document that is wrong changes nothing", async () => {
      const before = await bench.status();
      edit("containers:", "container:");
      const refused = await bench.run("up", folder);
      assert.equal(refused.code, 2);
      assert.match(
        refused.stderr,
        /lab\.yaml:\d+:\d+: Pod left: spec field "container" is unknown; did you mean "containers"\?/,
      );
      edit("container:", "containers:");
      assert.deepEqual(
        (await bench.status()).pods.map((pod) => pod.pid),
        before.pods.map((pod) => pod.pid),
      );
    });

    test("the graph shows both Pods and the wire in every form", async () => {
      assert.match(await bench.ok("graph"), /eth1 10\.9\.0\.1\/24 ├─+┤ eth1 10\.9\.0\.2\/24/);
      assert.match(await bench.ok("graph", "-o", "dot"), /^digraph lab/);
      assert.match(await bench.ok("graph", "-o", "mermaid"), /^flowchart LR/);
      assert.equal(JSON.parse(await bench.ok("graph", "-o", "json")).edges.length, 1);
    });

    test("a check that does not hold makes check fail and says why", async () => {
      edit("contains: welcome", "contains: goodbye");
      edit("      expect:", "      timeout: 200ms\n      expect:");
      await bench.ok("up", folder);
      const { code, stdout } = await bench.run("check");
      assert.equal(code, 1);
      assert.match(stdout, /stdout does not contain "goodbye/);
      const [result] = JSON.parse((await bench.run("check", "-o", "json")).stdout);
      assert.equal(result.passed, false);
      assert.match(
        (await bench.run("check", "nothing")).stderr,
        /there is no check "nothing"; there are left reaches right/,
      );
    });

    test("down leaves nothing", async () => {
      assert.match(await bench.ok("down"), /Lab plain is gone/);
      assert.deepEqual(await bench.leftovers("plain"), []);
    });
  });

/** The lines of a plan without what follows it. */
function planOf(output: string): string {
  return output
    .split("\n")
    .filter((line) => /^ {2}[+~±-] /.test(line))
    .map((line) => line.trim())
    .join("\n");
}
