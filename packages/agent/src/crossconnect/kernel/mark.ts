/**
 * The ownership mark of links that a forwarder made: `nsmkit/<owner>/<connection id>/<client|server>` in IFLA_IFALIAS.
 * Links without it are never touched. The owner tells forwarders of one machine apart (the nodes of a lab see each
 * other's namespaces); ids and owners come from outside, so one that would not fit the alias (IFALIASZ, 256 bytes) or
 * holds the separator is replaced by its hash.
 */
import { createHash } from "node:crypto";

export type Side = "client" | "server";

export interface Mark {
  readonly owner: string;
  /** The connection's id as it stands in marks; see `markedId`. */
  readonly id: string;
  readonly side: Side;
}

const prefix = "nsmkit";
/** Twice this, prefix, side and separators stay below 255 bytes. */
const longestWord = 110;
const plainWord = /^[A-Za-z0-9._:@-]+$/;
const hashPrefix = "sha256-";

/** A connection id or owner as it stands in marks: itself, or its hash. */
export function markedId(id: string): string {
  if (id.length <= longestWord && plainWord.test(id) && !id.startsWith(hashPrefix)) return id;
  return `${hashPrefix}${createHash("sha256").update(id).digest("hex")}`;
}

export function markOf(owner: string, connectionId: string, side: Side): string {
  return `${prefix}/${markedId(owner)}/${markedId(connectionId)}/${side}`;
}

/** The mark in a link's alias, or undefined for a link that no forwarder of ours made. */
export function parseMark(alias: string | undefined): Mark | undefined {
  const [first, owner, id, side, ...rest] = alias?.split("/") ?? [];
  if (first !== prefix || !owner || !id || rest.length > 0) return undefined;
  return side === "client" || side === "server" ? { owner, id, side } : undefined;
}
