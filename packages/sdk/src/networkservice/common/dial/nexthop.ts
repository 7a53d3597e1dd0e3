import { key } from "../../../chain/key.ts";
import type { Channel, Metadata, Peer } from "../../../transport/api.ts";

/** Where the call goes next: `unix://` or `tcp://`. Set by whoever chooses: discovery, or a client's fixed address. */
export const nextUrl = key<string>("next URL");

/** The next hop of one call. */
export interface NextHop {
  readonly url: string;
  readonly channel: Channel;
  /** Who answers: known before the call, and after it the one that it really reached, should the channel have reconnected. */
  peer: Peer;
}

/** The connected next hop; set by `dial`. */
export const nextHop = key<NextHop>("next hop");

/** gRPC metadata for the next hop; asked for again if the call moves to another connection. */
export const outgoingMetadata = key<(peer: Peer) => Promise<Metadata>>("outgoing metadata");

/** Paths of files that go with the call. */
export const outgoingFiles = key<readonly string[]>("outgoing files");
