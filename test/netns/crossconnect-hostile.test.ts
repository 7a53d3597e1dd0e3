/** Peers that ask for nonsense or go away half-way: coded errors, and nothing left. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isCodedError } from "@nsmkit/core";
import fc from "fast-check";
import { cannotRun, connectionOf, kernel, leftIn, never, openFiles, World } from "./crossconnect-world.ts";

const skip = await cannotRun();

suite("hostile cross-connects", { skip }, () => {
  test("a path that is no network namespace is refused, also one that would block whoever opens it", async () => {
    await using world = await World.open();
    const server = await world.pod();
    const plane = world.crossConnector();
    const directory = mkdtempSync(join(tmpdir(), "nsmkit-hostile-"));
    try {
      const [fifo, file] = [join(directory, "fifo"), join(directory, "file")];
      assert.equal(spawnSync("mkfifo", [fifo]).status, 0);
      writeFileSync(file, "");
      const connect = (path: string) =>
        plane.connect("c1", { client: kernel(path), server: kernel(server) }, connectionOf(), { signal: never });
      for (const path of [fifo, file, directory, "/dev/zero", "/proc/self/ns/mnt"]) {
        await assert.rejects(connect(path), { code: "INVALID_ARGUMENT" }, path);
      }
      for (const path of ["/nowhere", "/proc/1234567/ns/net"]) {
        await assert.rejects(connect(path), { code: "NOT_FOUND" }, path);
      }
      assert.deepEqual(plane.size, { connections: 0, namespaces: 0, names: 0 });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test("a request that was cancelled before it began does nothing", async () => {
    await using world = await World.open();
    const [client, server] = [await world.pod(), await world.pod()];
    const plane = world.crossConnector();
    const sides = { client: kernel(client), server: kernel(server) };
    await assert.rejects(plane.connect("c1", sides, connectionOf(), { signal: AbortSignal.abort() }), {
      code: "ABORTED",
    });
    assert.deepEqual(await leftIn(client), []);
    assert.deepEqual(plane.size, { connections: 0, namespaces: 0, names: 0 });
  });

  test("whenever a request is cancelled, either the whole connection stands or nothing", async () => {
    await using world = await World.open();
    const [client, server] = [await world.pod(), await world.pod()];
    const plane = world.crossConnector();
    const outcomes = new Set<string>();
    const policies = [{ from: "10.0.0.1/32" }];
    for (let i = 0; i < 60; i++) {
      const abort = new AbortController();
      const sides = { client: kernel(client), server: kernel(server) };
      const connecting = plane
        .connect("c1", sides, connectionOf({ srcIpAddrs: ["10.0.0.1/32"], policies }), { signal: abort.signal })
        .then(
          () => "made",
          (error: unknown) => (isCodedError(error) ? error.code : String(error)),
        );
      if (i % 3 === 0) await Promise.resolve();
      else await sleep((i % 12) / 3);
      abort.abort();
      const outcome = await connecting;
      outcomes.add(outcome);
      const left = await leftIn(client);
      if (outcome === "made") assert.equal(left.length, 3, String(left));
      else assert.deepEqual([outcome, left], ["ABORTED", []]);
      assert.equal(plane.size.connections, outcome === "made" ? 1 : 0);
      await plane.disconnect("c1", { signal: never });
      assert.deepEqual([await leftIn(client), await leftIn(server)], [[], []]);
    }
    assert.deepEqual([...outcomes].sort(), ["ABORTED", "made"]);
  });

  test("whatever a peer asks for, the answer is a connection or a coded error, and closing leaves nothing", async () => {
    await using world = await World.open();
    const [client, server] = [await world.pod(), await world.pod()];
    const plane = world.crossConnector();
    const before = openFiles();
    const rare = <T>(good: fc.Arbitrary<T>, bad: fc.Arbitrary<T>) =>
      fc.oneof({ weight: 30, arbitrary: good }, { weight: 1, arbitrary: bad });
    const odd = fc.oneof(
      fc.constantFrom("0.0.0.0/0", "255.255.255.255/32", "127.0.0.1/8", "224.0.0.1/4"),
      fc.constantFrom("::/0", "::1/128", "ff02::1/128", "fe80::1/64"),
      fc.string(),
    );
    const cidr = rare(fc.constantFrom("10.0.0.1/32", "10.0.0.2/24", "172.16.0.1/30", "fd00::1/64", "fd00::2/127"), odd);
    const hop = rare(
      fc.constant(""),
      fc.oneof(fc.constantFrom("10.0.0.1", "10.0.0.2", "fd00::1", "0.0.0.0", "255.255.255.255"), fc.string()),
    );
    const route = fc.record({ prefix: fc.oneof(cidr, fc.constantFrom("0.0.0.0/0", "::/0")), nextHop: hop });
    const context = fc.record({
      srcIpAddrs: fc.array(cidr, { maxLength: 3 }),
      dstIpAddrs: fc.array(cidr, { maxLength: 3 }),
      srcRoutes: fc.array(route, { maxLength: 2 }),
      dstRoutes: fc.array(route, { maxLength: 2 }),
      ipNeighbors: fc.array(
        fc.record({
          ip: rare(fc.constantFrom("10.0.0.9", "fd00::9"), fc.constantFrom("0.0.0.0", "ff02::1", "x")),
          hardwareAddress: rare(fc.constant("02:00:00:00:00:01"), fc.constantFrom("ff:ff:ff:ff:ff:ff", "")),
        }),
        { maxLength: 1 },
      ),
      policies: fc.array(
        fc.record({
          from: rare(fc.constantFrom("", "10.0.0.1/32"), cidr),
          proto: rare(fc.constantFrom("", "6", "icmp"), fc.constantFrom("255", "0", "-1")),
          dstPort: rare(fc.constantFrom("", "80", "1-65534"), fc.constantFrom("9-1", "1-65535", "x")),
        }),
        { maxLength: 2 },
      ),
    });
    const name = fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom("nsm-1", "a", "ünïcode", "fifteen-letters", "lo") },
      fc.oneof(fc.constantFrom("with space", ".."), fc.string()),
    );
    const mtu = rare(fc.constantFrom(0, 1280, 1500, 9000), fc.constantFrom(68, 1279, 65_535, 65_536, 4_294_967_295));
    const payload = fc.constantFrom("IP", "ETHERNET", "");
    const outcomes = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(context, mtu), { minLength: 1, maxLength: 2 }),
        name,
        payload,
        async (versions, ifName, pay) => {
          for (const [ip, m] of versions) {
            const sides = { client: kernel(client, ifName), server: kernel(server, ifName) };
            try {
              await plane.connect("c1", sides, connectionOf(ip, { mtu: m, payload: pay }), { signal: never });
              outcomes.set("made", (outcomes.get("made") ?? 0) + 1);
            } catch (error) {
              assert.ok(isCodedError(error), String(error));
              outcomes.set(error.code, (outcomes.get(error.code) ?? 0) + 1);
              assert.notEqual(error.code, "INTERNAL", String(error.stack));
              assert.match(error.message, /^connection c1: /);
            }
          }
          await plane.disconnect("c1", { signal: never });
          assert.deepEqual([await leftIn(client), await leftIn(server)], [[], []]);
          assert.deepEqual(plane.size, { connections: 0, namespaces: 0, names: 0 });
        },
      ),
      { numRuns: 250 },
    );
    // Neither all refused nor all fine: both paths were walked.
    assert.ok((outcomes.get("made") ?? 0) > 50 && outcomes.size >= 3, JSON.stringify([...outcomes]));
    assert.deepEqual(openFiles(), before);
  });
});
