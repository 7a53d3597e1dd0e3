/** The peer's header block cannot be decoded: the whole connection is lost with it, RFC 9113 section 4.3. */
export class HpackError extends Error {
  override readonly name = "HpackError";
}
