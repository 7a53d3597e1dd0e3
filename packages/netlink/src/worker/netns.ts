/**
 * Entering namespaces. A namespace belongs to a thread, so this is only safe in a thread that does one thing at a
 * time: between `setns` and the return nothing may wait, and nothing may be handed to libuv's pool, whose threads
 * would be born inside the wrong namespace and stay there.
 */
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { EINVAL, ENOENT, errnoOf, SystemCallError } from "../os/errno.ts";
import { CLONE_NEWNET, calls, errno } from "../os/libc.ts";
import type { CallValues, JobNamespace, NetnsTarget } from "./protocol.ts";

/** linux/nsfs.h: _IO(0xb7, 0x3). */
const NS_GET_NSTYPE = 0xb703;
// linux/mount.h
const MS_BIND = 0x1000;
const MS_REC = 0x4000;
const MS_SHARED = 0x100000;
const MNT_DETACH = 2;

const ownPath = "/proc/thread-self/ns/net";
const openFlags = constants.O_RDONLY;

/** The namespace in which this thread was born. Opened when first needed: an unprivileged caller may never need it. */
let home: number | undefined;

/** Node opens every descriptor close-on-exec. */
function open(path: string, doing: string): number {
  try {
    return openSync(path, openFlags);
  } catch (error) {
    throw new SystemCallError(errnoOf(error) ?? EINVAL, doing);
  }
}

/** Runs `work` inside a namespace and comes back, whatever happens. */
export function inNetns<T>(ns: Pick<JobNamespace, "fd" | "label">, work: () => T): T {
  if (ns.fd < 0) return work();
  home ??= open(ownPath, "open the own network namespace");
  if (calls.setns(ns.fd, CLONE_NEWNET) < 0) throw new SystemCallError(errno(), `enter network namespace ${ns.label}`);
  try {
    return work();
  } finally {
    goHome();
  }
}

function goHome(): void {
  if (home !== undefined && calls.setns(home, CLONE_NEWNET) === 0) return;
  // A thread in a foreign namespace would do the right things in the wrong place: better to have no thread. In a
  // worker this ends the thread, not the process; its owner sees it and refuses further calls.
  process.exit(70);
}

/** Makes a namespace. @returns its descriptor, valid in the whole process */
export function createNetns(path: string | undefined, sharedDirectory: string | undefined): number {
  home ??= open(ownPath, "open the own network namespace");
  if (path !== undefined) claimPath(path, sharedDirectory);
  let fd: number | undefined;
  try {
    if (calls.unshare(CLONE_NEWNET) < 0) throw new SystemCallError(errno(), "create a network namespace");
    try {
      fd = open(ownPath, "open the new network namespace");
      if (path !== undefined && calls.mount(ownPath, path, "none", MS_BIND, null) < 0)
        throw new SystemCallError(errno(), `mount the new network namespace on ${path}`);
    } finally {
      goHome();
    }
    return fd;
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    if (path !== undefined) unlinkSync(path);
    throw error;
  }
}

/** Makes the empty file on which the namespace is mounted; fails if there is one. */
function claimPath(path: string, sharedDirectory: string | undefined): void {
  const doing = `create ${path}`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    if (sharedDirectory !== undefined) shareDirectory(sharedDirectory);
    writeFileSync(path, "", { flag: "wx", mode: 0o444 });
  } catch (error) {
    if (error instanceof SystemCallError) throw error;
    throw new SystemCallError(errnoOf(error) ?? EINVAL, doing);
  }
}

/**
 * Lets names made here show up in other mount namespaces, as `ip netns add` does. Where that is not permitted the
 * names work all the same, for those who see this mount.
 */
function shareDirectory(directory: string): void {
  if (calls.mount("", directory, "none", MS_SHARED | MS_REC, null) === 0 || errno() !== EINVAL) return;
  // Not a mount point yet.
  if (calls.mount(directory, directory, "none", MS_BIND | MS_REC, null) < 0) return;
  calls.mount("", directory, "none", MS_SHARED | MS_REC, null);
}

export function deleteNetns(path: string): void {
  const doing = `delete network namespace ${path}`;
  let mounted = false;
  while (calls.umount2(path, MNT_DETACH) === 0) mounted = true;
  const reason = errno();
  if (!mounted && reason !== EINVAL) throw new SystemCallError(reason, doing);
  try {
    // What is left is our empty file; anything else was never a namespace name.
    const left = statSync(path);
    if (!left.isFile() || left.size > 0)
      throw new SystemCallError(EINVAL, `${doing}, which is none`, "INVALID_ARGUMENT");
    unlinkSync(path);
  } catch (error) {
    if (error instanceof SystemCallError) throw error;
    throw new SystemCallError(errnoOf(error) ?? EINVAL, doing);
  }
}

export function openNetns(target: NetnsTarget): number {
  if (!("path" in target)) return openByInode(target);
  const fd = open(target.path, `open network namespace ${target.path}`);
  if (calls.ioctl(fd, NS_GET_NSTYPE, null) === CLONE_NEWNET) return fd;
  closeSync(fd);
  throw new SystemCallError(EINVAL, `open ${target.path} as a network namespace, which it is not`, "INVALID_ARGUMENT");
}

export function listNetns(directory: string): CallValues["listNetns"] {
  let names: string[];
  try {
    names = readdirSync(directory).sort();
  } catch (error) {
    if (errnoOf(error) === ENOENT) return [];
    throw new SystemCallError(errnoOf(error) ?? EINVAL, `read ${directory}`);
  }
  return names.flatMap((name) => {
    try {
      const fd = openNetns({ path: join(directory, name) });
      closeSync(fd);
      const { dev, ino } = statSync(join(directory, name));
      return [{ name, dev, ino }];
    } catch {
      return [];
    }
  });
}

function openByInode(target: Extract<NetnsTarget, { ino: number }>): number {
  for (const path of candidates(target)) {
    try {
      const { dev, ino } = statSync(path);
      if (ino === target.ino && (target.dev === undefined || dev === target.dev)) return openNetns({ path });
    } catch {
      // The process ended meanwhile.
    }
  }
  const where = `among processes and in ${target.directory}`;
  throw new SystemCallError(
    ENOENT,
    `find network namespace with inode ${target.ino} ${where} (as far as this user may look)`,
  );
}

/** Names first; then processes whose link text already shows the inode, which is cheaper than opening each. */
function* candidates(target: Extract<NetnsTarget, { ino: number }>): Generator<string> {
  for (const { name, ino } of listNetns(target.directory)) if (ino === target.ino) yield join(target.directory, name);
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const path = `/proc/${entry}/ns/net`;
    try {
      if (readlinkSync(path) === `net:[${target.ino}]`) yield path;
    } catch {
      // Gone, or another user's.
    }
  }
}
