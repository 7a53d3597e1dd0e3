/** What only a real kernel shows: time, buffers, privileges, processes. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { isCodedError, messageOf } from "@nsmkit/core";
import { addrAdd, firstFailure, linkAdd, openNetlink, routeAdd, sysctlSet } from "@nsmkit/netlink";
import { inWorld, nextEvent } from "@nsmkit/netlink/testing";

const netlink = await openNetlink();
after(() => netlink.close());

async function obstacle(): Promise<string | false> {
  try {
    await using _ = await netlink.namespaces.create();
    return false;
  } catch (error) {
    return messageOf(error);
  }
}

const skip = await obstacle();
const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `v${index}`);

test("the event loop turns while the kernel deletes a link", { skip }, async () => {
  await inWorld(netlink, async ({ inA }) => {
    await inA.linkAdd({ kind: "veth", name: "va", peer: { name: "vb" } });
    let turns = 0;
    let running = true;
    const turn = (): void => {
      turns++;
      if (running) setImmediate(turn);
    };
    setImmediate(turn);
    await inA.linkDelete("va");
    running = false;
    assert.ok(turns > 10, `${turns} turns`);
  });
});

test("other requests are served while the kernel deletes a link", { skip }, async () => {
  await inWorld(netlink, async ({ inA, inB }) => {
    // Served one after the other it could never be so; on a busy machine the short one may come late once.
    let overtaken = false;
    for (let attempt = 0; attempt < 10 && !overtaken; attempt++) {
      await inA.linkAdd({ kind: "veth", name: "va", peer: { name: "vb" } });
      const first = inA.linkDelete("va").then(() => "deletion");
      const second = inB.linkGet("lo").then(() => "read");
      overtaken = (await Promise.race([first, second])) === "read";
      await Promise.all([first, second]);
    }
    assert.ok(overtaken);
  });
});

test("deletions that wait at the same time are done together", { skip }, async () => {
  await inWorld(netlink, async ({ inA, b }) => {
    const ops = names(60).map((name) => linkAdd({ kind: "veth", name, peer: { name, netns: b } }));
    assert.equal(firstFailure(await inA.batch(ops, { onError: "continue" })), undefined);
    const timed = async (work: () => Promise<unknown>): Promise<number> => {
      const start = performance.now();
      await work();
      return performance.now() - start;
    };
    const one = await timed(() => inA.linkDelete("v0"));
    const rest = await timed(() =>
      Promise.all(
        names(60)
          .slice(1)
          .map((name) => inA.linkDelete(name)),
      ),
    );
    assert.ok(rest < one * 20, `59 links in ${rest} ms, one in ${one} ms`);
    assert.equal((await inA.linkList()).length, 1);
  });
});

test("a thousand ops in one batch each have their result", { skip }, async () => {
  await inWorld(netlink, async ({ inA }) => {
    await inA.linkAdd({ kind: "bridge", name: "br0", up: true });
    const address = (index: number): string => `10.${index >> 8}.${index & 255}.1/24`;
    const ops = Array.from({ length: 1000 }, (_, index) =>
      addrAdd({ link: "br0", address: address(index - (index % 2)) }),
    );
    const results = await inA.batch(ops, { onError: "continue" });
    for (const [index, result] of results.entries()) {
      if (index % 2 === 0) assert.equal(result.ok, true);
      else assert.ok(!result.ok && result.error.code === "ALREADY_EXISTS", String(index));
    }
    assert.equal((await inA.addrList({ link: "br0", family: 4 })).length, 500);
  });
});

test("a list read while links come and go is whole, or says that it is not", { skip }, async () => {
  await inWorld(netlink, async ({ inA, netlink: shared, a }) => {
    const stable = names(150);
    const made = await inA.batch(stable.map((name) => linkAdd({ kind: "bridge", name })));
    assert.equal(firstFailure(made), undefined);
    await using other = await openNetlink();
    await using same = await other.namespaces.open({ fd: a.fd });
    await using churner = other.handle(same);
    let churning = true;
    const churn = async (): Promise<void> => {
      while (churning) {
        await churner.linkAdd({ kind: "bridge", name: "churn" });
        await churner.linkDelete("churn");
      }
    };
    const churned = churn();
    try {
      for (let round = 0; round < 40; round++) {
        const [[result] = []] = await shared.execute([{ netns: a, ops: [{ op: "linkList", filter: {} }] }]);
        assert.ok(result);
        if (!result.ok) {
          assert.equal(result.error.code, "DUMP_INTERRUPTED");
          assert.equal(result.error.retryable, true);
          assert.ok(Array.isArray(result.error.details.partial));
          continue;
        }
        const found = new Set((result.value as { name: string }[]).map(({ name }) => name));
        for (const name of stable) assert.ok(found.has(name), name);
      }
    } finally {
      churning = false;
      await churned;
    }
  });
});

test("a monitor whose kernel buffer overflows says so", { skip }, async () => {
  await inWorld(netlink, async ({ inA }) => {
    await using monitor = await inA.monitor({ groups: ["link"], receiveBufferBytes: 4096 });
    const adding = inA.batch(
      names(100).map((name) => linkAdd({ kind: "bridge", name })),
      { onError: "continue" },
    );
    // This thread reads nothing meanwhile.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    assert.equal(firstFailure(await adding), undefined);
    await nextEvent(monitor, (event) => event.type === "overrun");
    await inA.linkAdd({ kind: "bridge", name: "later" });
    await nextEvent(monitor, (event) => event.type === "link" && event.link.name === "later");
  });
});

test("hundreds of pings at once share one socket and are all answered", { skip }, async () => {
  await inWorld(netlink, async ({ netlink: shared, a, b, inA }) => {
    const addresses = Array.from({ length: 200 }, (_, index) => `10.0.0.${index + 2}`);
    const results = await shared.execute([
      { netns: a, ops: [linkAdd({ kind: "veth", name: "va", up: true, peer: { name: "vb", netns: b, up: true } })] },
      {
        netns: a,
        ops: [addrAdd({ link: "va", address: "10.0.0.1/24" }), sysctlSet("net.ipv4.ping_group_range", "0 2147483647")],
      },
      { netns: b, ops: addresses.map((address) => addrAdd({ link: "vb", address: `${address}/24` })) },
    ]);
    assert.equal(firstFailure(results), undefined);
    const before = (await readdir("/proc/self/fd")).length;
    const pings = await Promise.all(addresses.map((destination) => inA.ping({ destination, timeoutMs: 3000 })));
    assert.deepEqual(
      pings.map((ping) => ping.received),
      addresses.map(() => 1),
    );
    assert.equal((await readdir("/proc/self/fd")).length - before, 1);
  });
});

test("IPv6 is pinged, over link-local addresses too", { skip }, async () => {
  await inWorld(netlink, async ({ netlink: shared, a, b, inA }) => {
    const peer = { name: "vb", netns: b, mac: "02:00:00:00:00:0b", up: true };
    const results = await shared.execute([
      { netns: b, ops: [sysctlSet("net.ipv6.conf.default.accept_dad", "0")] },
      {
        netns: a,
        ops: [
          sysctlSet("net.ipv6.conf.default.accept_dad", "0"),
          linkAdd({ kind: "veth", name: "va", up: true, peer }),
        ],
      },
      { netns: a, ops: [addrAdd({ link: "va", address: "fd00::1/64", nodad: true })] },
      { netns: b, ops: [addrAdd({ link: "vb", address: "fd00::2/64", nodad: true })] },
    ]);
    assert.equal(firstFailure(results), undefined);
    assert.equal((await inA.ping({ destination: "fd00::2", source: "fd00::1", timeoutMs: 3000 })).received, 1);
    assert.equal((await inA.ping({ destination: "fe80::ff:fe00:b", link: "va", timeoutMs: 3000 })).received, 1);
    await inA.sysctlSet("net.ipv4.ping_group_range", "0 2147483647");
    assert.equal((await inA.ping({ destination: "fd00::2", timeoutMs: 3000 })).received, 1);
  });
});

test("a lost ping tells the reason that a router gave", { skip }, async () => {
  await inWorld(netlink, async ({ netlink: shared, a, b, inA }) => {
    const results = await shared.execute([
      { netns: a, ops: [linkAdd({ kind: "veth", name: "va", up: true, peer: { name: "vb", netns: b, up: true } })] },
      {
        netns: a,
        ops: [
          addrAdd({ link: "va", address: "10.0.0.1/24" }),
          routeAdd({ destination: "10.9.0.0/16", gateway: "10.0.0.2" }),
        ],
      },
      { netns: b, ops: [addrAdd({ link: "vb", address: "10.0.0.2/24" }), sysctlSet("net.ipv4.ip_forward", "1")] },
      { netns: b, ops: [routeAdd({ destination: "10.9.0.0/16", type: "unreachable" })] },
      { netns: a, ops: [sysctlSet("net.ipv4.ping_group_range", "0 2147483647")] },
    ]);
    assert.equal(firstFailure(results), undefined);
    const start = performance.now();
    const lost = await inA.ping({ destination: "10.9.0.1", timeoutMs: 5000 });
    assert.deepEqual(lost, { sent: 1, received: 0, rttMs: [], errno: "EHOSTUNREACH" });
    assert.ok(performance.now() - start < 4000, "it does not wait for its time-out");
    const local = await inA.ping({ destination: "192.0.2.1", timeoutMs: 5000 });
    assert.equal(local.errno, "ENETUNREACH");
  });
});

test("a cancelled ping ends at once", { skip }, async () => {
  await inWorld(netlink, async ({ inA }) => {
    await inA.linkSet("lo", { up: true });
    const signal = AbortSignal.timeout(20);
    const ping = inA.ping({ destination: "127.0.0.1", count: 1000, intervalMs: 1000, signal });
    await assert.rejects(ping, (error) => isCodedError(error, "DEADLINE_EXCEEDED"));
  });
});

test("namespaces, handles, monitors and sockets leave no descriptor behind", { skip }, async () => {
  const work = (): Promise<void> =>
    inWorld(netlink, async ({ inA, b }) => {
      await inA.linkAdd({ kind: "veth", name: "va", alias: "x", peer: { name: "vb", netns: b, alias: "y" } });
      await using monitor = await inA.monitor({ groups: ["link"] });
      await inA.linkSet("lo", { up: true });
      await nextEvent(monitor, () => true);
      await inA.ping({ destination: "127.0.0.1" });
      await inA.linkDelete("va");
    });
  await work();
  const before = (await readdir("/proc/self/fd")).length;
  for (let round = 0; round < 5; round++) await work();
  assert.equal((await readdir("/proc/self/fd")).length, before);
});

const run = promisify(execFile);
const script = (body: string): string[] => [
  "--input-type=module",
  "--eval",
  `import { openNetlink } from "@nsmkit/netlink"; ${body}`,
];

test("an unclosed monitor that is unref'd lets the process end, and one that is not keeps it", { skip }, async () => {
  const open = `const handle = (await openNetlink()).handle(); const monitor = await handle.monitor({ groups: ["link"] });`;
  await run(process.execPath, script(`${open} monitor.unref();`), { timeout: 10_000 });
  const kept = run(process.execPath, script(open), { timeout: 1500, killSignal: "SIGKILL" });
  await assert.rejects(kept, (error) => error instanceof Error && "killed" in error && error.killed === true);
});

test("an idle monitor burns no processor time", { skip }, async () => {
  const body = `
    const handle = (await openNetlink()).handle();
    const monitor = await handle.monitor({ groups: ["link"] });
    await new Promise((resolve) => setTimeout(resolve, 300));
    const before = process.cpuUsage();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const { user, system } = process.cpuUsage(before);
    console.log((user + system) / 1000);
    monitor.unref();`;
  const { stdout } = await run(process.execPath, script(body), { timeout: 20_000 });
  assert.ok(Number(stdout) < 100, `${stdout.trim()} ms of processor time in an idle second`);
});

test("everything works without root, in a user namespace of one's own", { skip }, async () => {
  const body = `
    import assert from "node:assert/strict";
    await using netlink = await openNetlink({ namespaceDirectory: "/run/netns" });
    await using made = await netlink.namespaces.create({ name: "rootless" });
    await using a = netlink.handle();
    await using b = netlink.handle(made);
    await a.linkAdd({ kind: "veth", name: "va", up: true, peer: { name: "vb", netns: made, up: true } });
    await a.addrAdd({ link: "va", address: "10.0.0.1/24" });
    await b.addrAdd({ link: "vb", address: "10.0.0.2/24" });
    await b.sysctlSet("net.ipv4.ip_forward", "1");
    assert.equal((await a.ping({ destination: "10.0.0.2", timeoutMs: 3000 })).received, 1);
    await a.linkDelete("va");
    await netlink.namespaces.delete({ name: "rootless" });
    console.log(process.getuid(), (await netlink.namespaces.list()).length);`;
  const node = [process.execPath, ...script(body)].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  const { stdout } = await run(
    "unshare",
    ["--user", "--map-root-user", "--net", "--mount", "sh", "-c", `mount -t tmpfs none /run && ${node}`],
    { timeout: 20_000 },
  );
  assert.equal(stdout.trim(), "0 0");
});

test("without any privilege the own namespace can be read and the rest is refused with the remedy", {
  skip,
}, async () => {
  const body = `
    const report = async (work) => { try { await work(); return "ok"; } catch (error) { return error.code + ": " + error.message; } };
    await using netlink = await openNetlink();
    await using own = netlink.handle();
    console.log(JSON.stringify([
      await report(() => own.linkList()),
      await report(() => own.linkAdd({ kind: "bridge", name: "br0" })),
      await report(() => netlink.namespaces.create()),
      await report(() => own.sysctlSet("net.ipv4.ip_forward", "0")),
    ]));`;
  const drop = ["--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"];
  // In a network namespace of its own, should anything be let through by mistake.
  const args = ["--net", "setpriv", ...drop, process.execPath, ...script(body)];
  const { stdout } = await run("unshare", args, { timeout: 20_000 });
  const [list, add, create, sysctl] = JSON.parse(stdout) as string[];
  assert.equal(list, "ok");
  for (const refused of [add, create, sysctl]) assert.match(refused ?? "", /^PERMISSION_DENIED: .*CAP_/);
});
