/**
 * tun and tap as rtnetlink shows them: IFLA_TUN_* in linux/if_link.h. It cannot make them (their newlink handler
 * refuses); that goes through /dev/net/tun, see ../../worker/tap.ts.
 */
import type { TunInfo } from "../../api/objects.ts";
import { forEachAttribute, u8 } from "../attributes.ts";

const IFLA_TUN_TYPE = 3;
const IFLA_TUN_PERSIST = 6;
/** IFF_TAP (linux/if_tun.h). */
const IFF_TAP = 2;

export function readTun(view: DataView, from: number, to: number): TunInfo {
  let mode: TunInfo["mode"] = "tun";
  let persist = false;
  forEachAttribute(view, from, to, (type, start, end) => {
    if (type === IFLA_TUN_TYPE) mode = u8(view, start, end) === IFF_TAP ? "tap" : "tun";
    else if (type === IFLA_TUN_PERSIST) persist = u8(view, start, end) !== 0;
  });
  return { kind: "tun", mode, persist };
}
