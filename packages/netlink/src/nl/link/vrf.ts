/** vrf: IFLA_VRF_* in linux/if_link.h. */
import type { LinkInfo } from "../../api/objects.ts";
import { checkTable } from "../../names/numbers.ts";
import { forEachAttribute, u32 } from "../attributes.ts";
import type { MessageWriter } from "../writer.ts";

const IFLA_VRF_TABLE = 1;

export function writeVrf(writer: MessageWriter, link: { readonly table: number }): void {
  writer.attrU32(IFLA_VRF_TABLE, checkTable(link.table));
}

export function readVrf(view: DataView, from: number, to: number): LinkInfo {
  let table = 0;
  forEachAttribute(view, from, to, (type, start, end) => {
    if (type === IFLA_VRF_TABLE) table = u32(view, start, end);
  });
  return { kind: "vrf", table };
}
