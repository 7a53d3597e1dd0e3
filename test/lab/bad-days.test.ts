import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { Bench, checkout, finish, sleep, users } from "./support.ts";

const pod = (name: string, spec: string): string => `
---
apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
${spec}
`;
const sleeper = "  containers: [{name: a, command: [sleep, infinity]}]";
const agent = `  containers:
    - name: agent
      image: nsm-agent-linux
      env: [{name: MICROSERVICE_LABEL, value: lonely}]
      resources: {limits: {networkservicemesh.io/socket: 1}}`;
const lonely = `
---
apiVersion: pantheon.tech/v1
kind: CNFConfiguration
metadata: {name: lonely}
spec:
  microservice: lonely
  configItems:
    - module: cnf.nsm
      type: client
      data: {name: c, network_service: nobody-offers-this, interface_name: tap0}
`;

for (const user of users)
  describe(`bad days of ${user.title}`, { skip: user.skip ?? false, timeout: 300_000 }, () => {
    const bench = async (documents: string, work: (bench: Bench, file: string) => Promise<void>): Promise<void> => {
      await using made = new Bench(user);
      const file = join(made.folder, "lab.yaml");
      writeFileSync(file, documents);
      await work(made, file);
    };

    test("a Pod that cannot be made is named, and a lab that never came up leaves nothing", () =>
      bench(
        pod("good", sleeper) +
          pod("bad", `${sleeper}\n  volumes: [{name: v, hostPath: {path: /no/such/folder, type: Directory}}]`).replace(
            "command:",
            "volumeMounts: [{name: v, mountPath: /v}], command:",
          ),
        async (made, file) => {
          const { code, stderr } = await made.run("up", file);
          assert.equal(code, 1);
          assert.match(stderr, /Pod bad: volume v: hostPath \/no\/such\/folder does not exist/);
          assert.deepEqual(await made.leftovers("lab"), []);
        },
      ));

    test("a sysctl that the kernel does not have is named", () =>
      bench(
        pod("odd", `${sleeper}\n  securityContext: {sysctls: [{name: net.ipv4.no_such_setting, value: "1"}]}`),
        async (made, file) => {
          const { code, stderr } = await made.run("up", file);
          assert.equal(code, 1);
          assert.match(stderr, /Pod odd: .*no_such_setting/);
        },
      ));

    test("a Pod that cannot be added to a running lab leaves the others alone, and the next up makes up for it", () =>
      bench(pod("good", sleeper), async (made, file) => {
        await made.ok("up", file);
        const before = await made.status();
        const extra = join(made.folder, "extra.yaml");
        writeFileSync(
          extra,
          pod("late", `${sleeper}\n  securityContext: {sysctls: [{name: net.ipv4.no_such_setting, value: "1"}]}`),
        );
        assert.equal((await made.run("apply", extra)).code, 1);
        assert.equal((await made.status()).pods[0]?.pid, before.pods[0]?.pid);
        writeFileSync(extra, pod("late", sleeper));
        await made.ok("apply", extra);
        assert.deepEqual((await made.status()).pods.map(({ name }) => name).sort(), ["good", "late"]);
      }));

    test("a client for a service that nobody offers is told before and after, and waits for it", () =>
      bench(pod("lonely", agent) + lonely, async (made, file) => {
        const { code, stderr } = await made.run("up", "--wait", "4s", file);
        assert.equal(code, 1, stderr);
        assert.match(
          stderr,
          /note: CNFConfiguration default\/lonely item 1 asks for network service nobody-offers-this/,
        );
        assert.match(stderr, /lonely\/agent: config\/cnf\/nsm\/v1\/client\/c is (PENDING|RETRYING|FAILED): /);
        let log = "";
        for (let i = 0; i < 100 && !log.includes("nobody-offers-this"); i++) {
          await sleep(100);
          log = await made.ok("logs", "lonely");
        }
        assert.match(log, /nobody-offers-this/);
      }));

    test("a container whose command does not exist is told with the reason", () =>
      bench(pod("typo", "  containers: [{name: a, command: [no-such-program]}]"), async (made, file) => {
        const { code, stderr } = await made.run("up", "--wait", "6s", file);
        assert.equal(code, 1);
        assert.match(stderr, /typo\/a: back-off: exit code 127: command not found; it said: .*no-such-program/);
        assert.match(await made.ok("logs", "typo"), /no-such-program/);
      }));

    test("init containers run one after the other before the rest, and a failing one keeps the rest from running", () =>
      bench(
        pod(
          "staged",
          `  restartPolicy: Never
  initContainers:
    - {name: one, command: [sh, -c, "sleep 0.2; echo one >> /shared/order"], volumeMounts: [{name: s, mountPath: /shared}]}
    - {name: two, command: [sh, -c, "echo two >> /shared/order"], volumeMounts: [{name: s, mountPath: /shared}]}
  containers:
    - {name: main, command: [sh, -c, "echo main >> /shared/order; cat /shared/order"], volumeMounts: [{name: s, mountPath: /shared}]}
  volumes: [{name: s, emptyDir: {}}]`,
        ) +
          pod(
            "broken",
            `  restartPolicy: Never
  initContainers: [{name: fails, command: ["false"]}]
  containers: [{name: main, command: [echo, hello]}]`,
          ),
        async (made, file) => {
          const { code, stderr } = await made.run("up", "--wait", "6s", file);
          assert.equal(code, 1);
          assert.match(stderr, /broken\/fails: failed: exit code 1\n.*broken\/main: waiting: not started/);
          assert.doesNotMatch(stderr, /staged/);
          assert.match(await made.ok("logs", "staged", "-c", "main"), /^one\ntwo\nmain\n/);
        },
      ));

    test("a folder of labs that cannot be written is told with the variable that chooses another", async () => {
      await using made = new Bench(user);
      const file = join(made.folder, "lab.yaml");
      writeFileSync(file, pod("a", sleeper));
      const child = made.start(["lab", "up", file], { NSMKIT_STATE_DIR: "/proc/nothing" });
      const { code, stderr } = await finish(child);
      assert.equal(code, 1);
      assert.match(stderr, /cannot make .*\/proc\/nothing.*set NSMKIT_STATE_DIR/);
    });

    test("a state folder whose path is too long for a socket works", async () => {
      await using made = new Bench(user);
      const deep = join(made.folder, "d".repeat(120));
      mkdirSync(deep);
      chmodSync(deep, 0o777);
      const file = join(made.folder, "lab.yaml");
      writeFileSync(file, pod("a", sleeper));
      for (const args of [["up", file], ["status"], ["down"]]) {
        const { code, stderr } = await finish(made.start(["lab", ...args], { NSMKIT_STATE_DIR: deep }));
        assert.equal(code, 0, stderr);
      }
    });

    test("unknown commands and options exit 2 and point to the help", async () => {
      await using made = new Bench(user);
      for (const args of [["upp"], ["up"], ["up", "--nonsense", "x"], ["status", "-o", "xml"]]) {
        const { code, stderr } = await made.run(...args);
        assert.equal(code, 2, args.join(" "));
        assert.match(stderr, /--help|choices/);
      }
      assert.equal((await made.run("--help")).code, 0);
    });
  });

const isRoot = process.getuid?.() === 0;

test("a machine without user namespaces is told by the setting that forbids them", {
  skip: isRoot ? false : "needs root to make such a machine",
}, async () => {
  const user = users.find(({ uid }) => uid !== 0);
  assert.ok(user);
  await using made = new Bench(user);
  const file = join(made.folder, "lab.yaml");
  writeFileSync(file, pod("a", sleeper));
  // In a user namespace of its own the limit is its own too.
  const limit = `echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"`;
  const nsmctl = [process.execPath, join(checkout, "cmd/nsmctl/bin/nsmctl.mjs"), "lab", "up", file];
  const child = spawn(
    "unshare",
    ["--user", "sh", "-c", 'read go; exec "$@"', "sh", "sh", "-c", limit, "sh", ...user.become, ...nsmctl],
    {
      env: { PATH: process.env.PATH ?? "", HOME: made.folder, NSMKIT_STATE_DIR: made.state },
    },
  );
  const finished = finish(child);
  await mapAllIds(child.pid ?? 0);
  child.stdin.end("go\n");
  const { code, stderr } = await finished;
  assert.equal(code, 1, stderr);
  assert.match(stderr, /user\.max_user_namespaces is 0; run "sudo sysctl user\.max_user_namespaces=15000"/);
  assert.deepEqual(await made.leftovers("lab"), []);
});

test("root without CAP_SYS_ADMIN is told what is missing", { skip: isRoot ? false : "needs root" }, async () => {
  const user = users.find(({ uid }) => uid === 0);
  assert.ok(user);
  const bounded = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", "--"];
  await using made = new Bench({ ...user, become: bounded });
  const file = join(made.folder, "lab.yaml");
  writeFileSync(file, pod("a", sleeper));
  const { code, stderr } = await made.run("up", file);
  assert.equal(code, 1);
  assert.match(stderr, /this machine refuses them \(unshare: .*\): .*CAP_SYS_ADMIN/);
  assert.deepEqual(await made.leftovers("lab"), []);
});

/** Every id of the machine is itself in the process's user namespace, once it has one. */
async function mapAllIds(pid: number): Promise<void> {
  const { readlinkSync } = await import("node:fs");
  const own = readlinkSync("/proc/self/ns/user");
  while (readlinkSync(`/proc/${pid}/ns/user`) === own) await new Promise((resolve) => setTimeout(resolve, 5));
  for (const kind of ["uid", "gid"]) writeFileSync(`/proc/${pid}/${kind}_map`, "0 0 4294967295\n");
}
