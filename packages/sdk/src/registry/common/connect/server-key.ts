import { key } from "../../../chain/index.ts";
import type { Channel, Peer } from "../../../transport/api.ts";

/** The server that this call goes to. */
export interface ServerLink {
  readonly channel: Channel;
  readonly peer: Peer;
}

export const serverKey = key<ServerLink>("registry server");
