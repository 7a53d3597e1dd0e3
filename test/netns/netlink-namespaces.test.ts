/** Namespaces by name, path, process and inode; their sysctls and sockets. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type Server, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { isCodedError, messageOf } from "@nsmkit/core";
import { addrAdd, firstFailure, type Handle, linkAdd, linkSet, type Netlink, openNetlink } from "@nsmkit/netlink";
import { rejectsWith } from "@nsmkit/netlink/testing";

let directory: string;
let netlink: Netlink;

async function obstacle(): Promise<string | false> {
  await using probe = await openNetlink();
  try {
    await using _ = await probe.namespaces.create();
    return false;
  } catch (error) {
    return messageOf(error);
  }
}

const skip = await obstacle();

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "nsmkit-netns-"));
  netlink = await openNetlink({ namespaceDirectory: join(directory, "names") });
});

after(async () => {
  for (const { name } of await netlink.namespaces.list()) await netlink.namespaces.delete({ name });
  await netlink.close();
  // The directory was made a mount point so that its names are seen elsewhere.
  spawn("umount", ["--quiet", join(directory, "names")]).on("close", () => void rm(directory, { recursive: true }));
});

test("a named namespace is listed, opened and deleted by its name", { skip }, async () => {
  await using made = await netlink.namespaces.create({ name: "one" });
  await using _ = await netlink.namespaces.create({ name: "another" });
  const [another, one] = await netlink.namespaces.list();
  assert.equal(another?.name, "another");
  assert.deepEqual(one, { name: "one", path: join(directory, "names", "one"), identity: made.identity });
  await using opened = await netlink.namespaces.open({ name: "one" });
  assert.deepEqual(opened.identity, made.identity);
  await rejectsWith(netlink.namespaces.create({ name: "one" }), "ALREADY_EXISTS", /names\/one/);
  await netlink.namespaces.delete({ name: "one" });
  await rejectsWith(netlink.namespaces.open({ name: "one" }), "NOT_FOUND", /names\/one/);
  await rejectsWith(netlink.namespaces.delete({ name: "one" }), "NOT_FOUND", /names\/one/);
  await netlink.namespaces.delete({ name: "another" });
  assert.deepEqual(await netlink.namespaces.list(), []);
});

test("a deleted namespace lives on for those who have it open", { skip }, async () => {
  await using made = await netlink.namespaces.create({ name: "short" });
  await netlink.namespaces.delete({ name: "short" });
  await using handle = netlink.handle(made);
  assert.equal((await handle.linkList()).length, 1);
});

test("a namespace can be mounted on a path of its own", { skip }, async () => {
  const path = join(directory, "deep", "er", "ns");
  await using made = await netlink.namespaces.create({ path });
  assert.equal((await stat(path)).ino, made.identity.ino);
  await using opened = await netlink.namespaces.open({ path });
  assert.deepEqual(opened.identity, made.identity);
  await netlink.namespaces.delete({ path });
  await assert.rejects(stat(path));
});

test("a name left behind by a crash is no obstacle to deleting it, other files are not touched", { skip }, async () => {
  await using _ = await netlink.namespaces.create({ name: "first" });
  const stale = join(directory, "names", "stale");
  await writeFile(stale, "");
  assert.deepEqual(
    (await netlink.namespaces.list()).map(({ name }) => name),
    ["first"],
  );
  await rejectsWith(netlink.namespaces.open({ name: "stale" }), "INVALID_ARGUMENT", /which it is not/);
  await netlink.namespaces.delete({ name: "stale" });
  await assert.rejects(stat(stale));
  const precious = join(directory, "names", "precious");
  await writeFile(precious, "data");
  await rejectsWith(netlink.namespaces.delete({ name: "precious" }), "INVALID_ARGUMENT", /which is none/);
  assert.equal(await readFile(precious, "utf8"), "data");
  await rm(precious);
  await netlink.namespaces.delete({ name: "first" });
});

test("names that are no file names are refused", { skip }, async () => {
  for (const name of ["", ".", "..", "a/b", "../a", "a\0b", "x".repeat(256)])
    await rejectsWith(netlink.namespaces.create({ name }), "INVALID_ARGUMENT", /network namespace/);
  await rejectsWith(netlink.namespaces.open({ path: "relative" }), "INVALID_ARGUMENT", /absolute/);
});

test("a namespace is found by a process in it and by its inode", { skip }, async () => {
  const child = spawn("unshare", ["--net", "cat"], { stdio: ["pipe", "ignore", "inherit"] });
  try {
    const pid = child.pid ?? 0;
    const own = netlink.namespaces.current.identity;
    // unshare(1) needs a moment before it is in its new namespace.
    for (let ino = own.ino; ino === own.ino; ino = (await stat(`/proc/${pid}/ns/net`)).ino)
      await new Promise((resolve) => setTimeout(resolve, 5));
    await using byPid = await netlink.namespaces.open({ pid });
    assert.notDeepEqual(byPid.identity, own);
    await using byInode = await netlink.namespaces.open({ ino: byPid.identity.ino, dev: byPid.identity.dev });
    assert.deepEqual(byInode.identity, byPid.identity);
  } finally {
    child.stdin.end();
    await once(child, "close");
  }
  await rejectsWith(netlink.namespaces.open({ ino: 1 }), "NOT_FOUND", /inode 1/);
  await rejectsWith(netlink.namespaces.open({ pid: 2 ** 22 }), "NOT_FOUND", /4194304/);
});

test("a file that is no network namespace is not opened as one", { skip }, async () => {
  for (const path of ["/etc/hostname", "/proc/self/ns/mnt"])
    await rejectsWith(netlink.namespaces.open({ path }), "INVALID_ARGUMENT", new RegExp(`${path}.* not`));
});

test("after all that every thread of the process is in the namespace where it began", { skip }, async () => {
  const inodes = new Set<number>();
  for (const task of await readdir("/proc/self/task")) inodes.add((await stat(`/proc/self/task/${task}/ns/net`)).ino);
  assert.deepEqual([...inodes], [netlink.namespaces.current.identity.ino]);
});

test("a setting that does not exist is NOT_FOUND, a wrong value names the setting", { skip }, async () => {
  await using netns = await netlink.namespaces.create();
  await using handle = netlink.handle(netns);
  await rejectsWith(handle.sysctlGet("net.ipv4.no_such_thing"), "NOT_FOUND", /net\.ipv4\.no_such_thing/);
  await assert.rejects(handle.sysctlSet("net.ipv4.ip_forward", "yes"), /set sysctl net\.ipv4\.ip_forward to "yes"/);
  await handle.sysctlSet("net.ipv4.ping_group_range", "0 2147483647");
  assert.equal(await handle.sysctlGet("net.ipv4.ping_group_range"), "0\t2147483647");
});

/** Two namespaces joined by a cable, 10.0.0.1 and 10.0.0.2, loopbacks up. */
async function joined(body: (inA: Handle, inB: Handle) => Promise<void>): Promise<void> {
  await using a = await netlink.namespaces.create();
  await using b = await netlink.namespaces.create();
  const peer = { name: "vb", netns: b, up: true };
  const results = await netlink.execute([
    { netns: a, ops: [linkAdd({ kind: "veth", name: "va", up: true, peer }), linkSet("lo", { up: true })] },
    { netns: a, ops: [addrAdd({ link: "va", address: "10.0.0.1/24" })] },
    { netns: b, ops: [addrAdd({ link: "vb", address: "10.0.0.2/24" }), linkSet("lo", { up: true })] },
  ]);
  assert.equal(firstFailure(results), undefined);
  await using inA = netlink.handle(a);
  await using inB = netlink.handle(b);
  await body(inA, inB);
}

async function listening(fd: number): Promise<Server> {
  const server = createServer((socket) => socket.end("hello from inside"));
  server.listen({ fd });
  await once(server, "listening");
  return server;
}

async function readAll(fd: number): Promise<string> {
  const socket = new Socket({ fd, readable: true, writable: true });
  const chunks = await Array.fromAsync(socket as AsyncIterable<Buffer>);
  return Buffer.concat(chunks).toString();
}

test("a TCP server and a client live in their namespaces and meet over the cable", { skip }, async () => {
  await joined(async (inA, inB) => {
    const server = await listening(await inB.openSocket({ kind: "tcp-listen", port: 8080 }));
    try {
      const fd = await inA.openSocket({ kind: "tcp-connect", address: "10.0.0.2", port: 8080, source: "10.0.0.1" });
      assert.equal(await readAll(fd), "hello from inside");
      const inside = await inB.openSocket({ kind: "tcp-connect", address: "127.0.0.1", port: 8080 });
      assert.equal(await readAll(inside), "hello from inside");
      await rejectsWith(inB.openSocket({ kind: "tcp-listen", port: 8080 }), "ALREADY_EXISTS", /port 8080/);
    } finally {
      server.close();
    }
  });
});

test("a refused, an unreachable and a cancelled connection leave no descriptor", { skip }, async () => {
  await joined(async (inA) => {
    const count = async () => (await readdir("/proc/self/fd")).length;
    const before = await count();
    await rejectsWith(
      inA.openSocket({ kind: "tcp-connect", address: "10.0.0.2", port: 9 }),
      "UNAVAILABLE",
      /10\.0\.0\.2 port 9/,
    );
    await rejectsWith(inA.openSocket({ kind: "tcp-connect", address: "192.0.2.1", port: 9 }), "UNAVAILABLE");
    const signal = AbortSignal.timeout(30);
    await rejectsWith(
      inA.openSocket({ kind: "tcp-connect", address: "10.0.0.3", port: 9 }, { signal }),
      "DEADLINE_EXCEEDED",
    );
    assert.equal(await count(), before);
  });
});

test("abstract unix sockets belong to their namespace", { skip }, async () => {
  await joined(async (inA, inB) => {
    const request = { abstract: "nsmkit-test" } as const;
    const server = await listening(await inA.openSocket({ kind: "unix-listen", ...request }));
    try {
      assert.equal(await readAll(await inA.openSocket({ kind: "unix-connect", ...request })), "hello from inside");
      await assert.rejects(inB.openSocket({ kind: "unix-connect", ...request }), (error) =>
        isCodedError(error, "UNAVAILABLE"),
      );
    } finally {
      server.close();
    }
  });
});

test("a port of one namespace is free in another", { skip }, async () => {
  await joined(async (inA, inB) => {
    const server = await listening(await inA.openSocket({ kind: "tcp-listen", port: 8080, address: "0.0.0.0" }));
    const other = await listening(await inB.openSocket({ kind: "tcp-listen", port: 8080, address: "0.0.0.0" }));
    server.close();
    other.close();
  });
});
