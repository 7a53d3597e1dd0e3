import { fstatSync, statSync } from "node:fs";
import { CodedError } from "@nsmkit/core";

const format = ({ dev, ino }: { dev: bigint; ino: bigint }): string => `inode://${dev}/${ino}`;

/** `inode://<st_dev>/<st_ino>` of an open file, decimal, as upstream's grpcfd writes it. */
export function inodeUrlOfFd(fd: number): string {
  return format(fstatSync(fd, { bigint: true }));
}

/**
 * The URL by which a message names a file that travels beside it.
 * @throws NOT_FOUND naming the path
 */
export function inodeUrl(path: string): string {
  try {
    // Synchronous on purpose: in a pool thread /proc/thread-self would be another thread.
    return format(statSync(path, { bigint: true }));
  } catch (cause) {
    throw new CodedError("NOT_FOUND", `the file ${path} cannot be reached`, { cause });
  }
}
