/** bridge: IFLA_BR_* in linux/if_link.h. Times are in USER_HZ ticks of 10 ms. */
import type { BridgeInfo } from "../../api/objects.ts";
import type { BridgeOptions } from "../../api/ops.ts";
import { checkInteger } from "../../names/invalid.ts";
import { forEachAttribute, u8, u32 } from "../attributes.ts";
import type { MessageWriter } from "../writer.ts";

const IFLA_BR_FORWARD_DELAY = 1;
const IFLA_BR_AGEING_TIME = 4;
const IFLA_BR_STP_STATE = 5;
const IFLA_BR_VLAN_FILTERING = 7;

const msPerTick = 10;
const maxMs = 2 ** 31;

export function writeBridge(writer: MessageWriter, options: BridgeOptions): void {
  const ticks = (value: number, field: string): number => Math.round(checkInteger(value, field, 0, maxMs) / msPerTick);
  if (options.forwardDelayMs !== undefined)
    writer.attrU32(IFLA_BR_FORWARD_DELAY, ticks(options.forwardDelayMs, "forwardDelayMs"));
  if (options.ageingTimeMs !== undefined)
    writer.attrU32(IFLA_BR_AGEING_TIME, ticks(options.ageingTimeMs, "ageingTimeMs"));
  if (options.stp !== undefined) writer.attrU32(IFLA_BR_STP_STATE, options.stp ? 1 : 0);
  if (options.vlanFiltering !== undefined) writer.attrU8(IFLA_BR_VLAN_FILTERING, options.vlanFiltering ? 1 : 0);
}

export function readBridge(view: DataView, from: number, to: number): BridgeInfo {
  let stp = false;
  let vlanFiltering = false;
  let ageingTimeMs = 0;
  let forwardDelayMs = 0;
  forEachAttribute(view, from, to, (type, start, end) => {
    if (type === IFLA_BR_STP_STATE) stp = u32(view, start, end) !== 0;
    else if (type === IFLA_BR_VLAN_FILTERING) vlanFiltering = u8(view, start, end) !== 0;
    else if (type === IFLA_BR_AGEING_TIME) ageingTimeMs = u32(view, start, end) * msPerTick;
    else if (type === IFLA_BR_FORWARD_DELAY) forwardDelayMs = u32(view, start, end) * msPerTick;
  });
  return { kind: "bridge", stp, vlanFiltering, ageingTimeMs, forwardDelayMs };
}
