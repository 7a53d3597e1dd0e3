/** Settings below /proc/sys/net. Which namespace they belong to depends on the thread that opens the file. */
import { readFileSync, writeFileSync } from "node:fs";
import { EINVAL, errnoOf, SystemCallError } from "../os/errno.ts";

/** @param path relative, checked by the caller: see `sysctlPath` */
export function accessSysctl(path: string, value: string | undefined): string {
  const file = `/proc/sys/${path}`;
  try {
    if (value === undefined) return readFileSync(file, "utf8").replace(/\n$/, "");
    writeFileSync(file, value, { flag: "r+" });
    return "";
  } catch (error) {
    const doing = value === undefined ? `read sysctl ${path}` : `set sysctl ${path} to ${JSON.stringify(value)}`;
    throw new SystemCallError(errnoOf(error) ?? EINVAL, doing);
  }
}
