/** tap and tun devices, through /dev/net/tun (linux/if_tun.h, linux/if.h). */
import { closeSync, constants, openSync } from "node:fs";
import { EBUSY, EEXIST, EINVAL, ENODEV, ENOENT, EOPNOTSUPP, errnoOf, SystemCallError } from "../os/errno.ts";
import { calls, errno, ioctlValue } from "../os/libc.ts";
import type { TapRequest } from "./protocol.ts";

const TUNSETIFF = 0x400454ca;
const TUNSETPERSIST = 0x400454cb;
const TUNSETOWNER = 0x400454cc;
const TUNSETGROUP = 0x400454ce;

const IFF_TUN = 0x0001;
const IFF_TAP = 0x0002;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
const IFF_MULTI_QUEUE = 0x0100;
/** Fail instead of attaching to a device that exists. */
const IFF_TUN_EXCL = 0x8000;

/** sizeof(struct ifreq): name 16, then a union that begins with the flags. */
const ifreqBytes = 40;

/** Makes a persistent device in the calling thread's present namespace. */
export function addTap(tap: TapRequest): void {
  const doing = `add ${tap.mode} link "${tap.name}"`;
  const fd = openControl(doing);
  try {
    const request = new Uint8Array(ifreqBytes);
    request.set(Buffer.from(tap.name, "utf8"));
    let flags = (tap.mode === "tap" ? IFF_TAP : IFF_TUN) | IFF_NO_PI | IFF_TUN_EXCL;
    if (tap.multiQueue) flags |= IFF_MULTI_QUEUE;
    if (tap.vnetHeader) flags |= IFF_VNET_HDR;
    new DataView(request.buffer).setUint16(16, flags, true);
    check(calls.ioctl(fd, TUNSETIFF, request), doing);
    if (tap.owner !== undefined) check(ioctlValue(fd, TUNSETOWNER, tap.owner), `${doing}: set its owner`);
    if (tap.group !== undefined) check(ioctlValue(fd, TUNSETGROUP, tap.group), `${doing}: set its group`);
    check(ioctlValue(fd, TUNSETPERSIST, 1), `${doing}: make it persistent`);
  } finally {
    // Closing deletes a device that did not become persistent: nothing is left half-made.
    closeSync(fd);
  }
}

function openControl(doing: string): number {
  try {
    return openSync("/dev/net/tun", constants.O_RDWR);
  } catch (error) {
    const reason = errnoOf(error) ?? EINVAL;
    if (reason !== ENOENT && reason !== ENODEV) throw new SystemCallError(reason, `${doing}: open /dev/net/tun`);
    throw new SystemCallError(EOPNOTSUPP, `${doing}: this system has no /dev/net/tun (load the module "tun")`);
  }
}

function check(result: number, doing: string): void {
  if (result >= 0) return;
  const reason = errno();
  // With IFF_TUN_EXCL the kernel says "busy" for a device that exists.
  throw new SystemCallError(reason === EBUSY ? EEXIST : reason, doing);
}
