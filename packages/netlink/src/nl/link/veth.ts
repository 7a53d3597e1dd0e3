/** veth: linux/veth.h. VETH_INFO_PEER holds a whole link message (ifinfomsg and attributes) for the other end. */
import type { NewVeth } from "../../api/ops.ts";
import type { MessageWriter } from "../writer.ts";
import { writeNewLinkCommon, writeNewLinkHeader } from "./common.ts";

const VETH_INFO_PEER = 1;

export function writeVeth(writer: MessageWriter, link: NewVeth): void {
  writer.nest(VETH_INFO_PEER, () => {
    // What the kernel ignores or refuses here (master, up, alias) is sent afterwards.
    writeNewLinkHeader(writer, {});
    writeNewLinkCommon(writer, { ...link.peer, master: undefined }, "peer");
  });
}
