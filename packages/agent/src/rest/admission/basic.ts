import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { CodedError } from "@nsmkit/core";

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** Users of HTTP basic authentication (RFC 7617). */
export class BasicUsers {
  readonly #users: readonly { readonly name: string; readonly digest: Buffer }[];

  /** @param pairs "user:password" */
  constructor(pairs: readonly string[]) {
    this.#users = pairs.map((pair) => ({ name: pair.slice(0, pair.indexOf(":")), digest: digest(pair) }));
  }

  /** Who asks. @throws CodedError UNAUTHENTICATED */
  userOf({ headers }: IncomingMessage): string {
    const encoded = /^Basic (\S+)$/i.exec(headers.authorization ?? "")?.[1];
    const given = digest(Buffer.from(encoded ?? "", "base64").toString("utf8"));
    // Every one is looked at, so that time tells nothing.
    const found = this.#users.filter((user) => timingSafeEqual(user.digest, given));
    if (encoded !== undefined && found[0]) return found[0].name;
    throw new CodedError("UNAUTHENTICATED", "a user and password of client-basic-auth are needed");
  }
}
