/**
 * The ownership mark of links that a forwarder made: `nsmkit/<connection id>/<client|server>` in IFLA_IFALIAS. Links
 * without it are never touched. Connection ids are chosen by peers, so an id that would not fit the alias (255 bytes)
 * or contains the separator is replaced by its hash.
 */
import { createHash } from "node:crypto";

export type Side = "client" | "server";

const prefix = "nsmkit/";
/** 255 bytes of IFALIASZ less prefix, separator and side; also keeps an alias readable. */
const longestId = 128;
const plainId = /^[A-Za-z0-9._:@-]+$/;

function markedId(connectionId: string): string {
  if (connectionId.length <= longestId && plainId.test(connectionId) && !connectionId.startsWith("sha256-")) {
    return connectionId;
  }
  return `sha256-${createHash("sha256").update(connectionId).digest("hex")}`;
}

export function markOf(connectionId: string, side: Side): string {
  return `${prefix}${markedId(connectionId)}/${side}`;
}

/** The id in the mark, or undefined for a link that is not ours. */
export function connectionOfMark(alias: string | undefined): string | undefined {
  if (!alias?.startsWith(prefix)) return undefined;
  const end = alias.lastIndexOf("/");
  return end > prefix.length ? alias.slice(prefix.length, end) : undefined;
}
