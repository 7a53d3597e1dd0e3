import type { Netlink, NetlinkOptions } from "./api/netlink.ts";

/**
 * The kernel's networking. Starts one worker thread, which keeps the process alive only while it works.
 * @throws CodedError UNSUPPORTED (not Linux, not a 64-bit little-endian machine)
 */
export async function openNetlink(options: NetlinkOptions = {}): Promise<Netlink> {
  // Loaded when needed: the binding to the C library costs 16 ms, and who only builds or checks requests needs none.
  const { openKernelNetlink } = await import("./kernel/netlink.ts");
  return openKernelNetlink(options);
}
