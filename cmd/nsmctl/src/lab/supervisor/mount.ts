import { getSystemErrorMessage } from "node:util";
import { CodedError } from "@nsmkit/core";
import koffi from "koffi";

const libc = koffi.load(null);
const mountCall = libc.func("int mount(const char*, const char*, const char*, ulong, const char*)");
const umountCall = libc.func("int umount2(const char*, int)");
const pivotCall = libc.func("long syscall(long, const char*, const char*)");

/** linux/mount.h */
const MS_BIND = 4096;
const MS_REC = 16384;
const MNT_DETACH = 2;
/** asm/unistd_64.h, asm-generic/unistd.h */
const pivotNumbers: Readonly<Record<string, number>> = { x64: 155, arm64: 41, riscv64: 41 };

function done(result: number, what: string): void {
  if (result === 0) return;
  const errno = koffi.errno();
  const code = errno === 1 || errno === 13 ? "PERMISSION_DENIED" : "KERNEL";
  throw new CodedError(code, `${what}: ${getSystemErrorMessage(-errno)}`, { details: { errno } });
}

/** Shows `source` at `target` too; unless `flat`, with everything that is mounted below it. */
export function bindMount(source: string, target: string, options: { flat?: boolean } = {}): void {
  const flags = options.flat ? MS_BIND : MS_BIND | MS_REC;
  done(mountCall(source, target, "none", flags, null), `bind ${source} to ${target}`);
}

export function mountTmpfs(target: string): void {
  done(mountCall("nsmkit", target, "tmpfs", 0, "mode=0755"), `mount a tmpfs at ${target}`);
}

/** Makes `directory`, a mount point, the root of this process's mount namespace; the old root is let go. */
export function pivotInto(directory: string): void {
  const number = pivotNumbers[process.arch];
  if (number === undefined) throw new CodedError("UNSUPPORTED", `pivot_root on ${process.arch}`);
  process.chdir(directory);
  // The old root stacks on the new one at "." and is then detached (pivot_root(2), NOTES).
  done(pivotCall(number, ".", "."), `pivot into ${directory}`);
  done(umountCall(".", MNT_DETACH), "detach the old root");
  process.chdir("/");
}
