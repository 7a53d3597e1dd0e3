import { CodedError } from "@nsmkit/core";

/** A SPIFFE id in its parts. */
export interface SpiffeId {
  readonly trustDomain: string;
  /** Starts with "/", or is empty for the id of a trust domain. */
  readonly path: string;
}

/** SPIFFE-ID specification, section 2.3: the longest id that must be supported. */
const longestId = 2048;
const pattern = /^spiffe:\/\/([a-z0-9._-]{1,255})((?:\/[A-Za-z0-9._-]+)*)$/;

/** @throws INVALID_ARGUMENT saying what the text should look like */
export function parseSpiffeId(text: string): SpiffeId {
  const match = text.length <= longestId ? pattern.exec(text) : null;
  const path = match?.[2] ?? "";
  if (!match || path.split("/").some((segment) => segment === "." || segment === "..")) {
    throw new CodedError(
      "INVALID_ARGUMENT",
      `${JSON.stringify(text.slice(0, 200))} is no SPIFFE id; one looks like spiffe://trust.domain/path`,
    );
  }
  return { trustDomain: match[1] as string, path };
}

/**
 * The one URI among the alternative names of a certificate, as Node prints them ("URI:spiffe://td/a, DNS:b").
 * @throws UNAUTHENTICATED when there is no SPIFFE id or more than one URI, X509-SVID specification section 2
 */
export function spiffeIdOf(subjectAltName: string | undefined): string {
  const uris: string[] = [];
  // Node quotes a value that contains a comma or a quote, so that a name cannot pretend to be two.
  for (const entry of (subjectAltName ?? "").matchAll(/(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)/g)) {
    if (entry[1] === "URI") uris.push(entry[2] as string);
  }
  const [uri] = uris;
  if (uri === undefined || uris.length !== 1) {
    throw new CodedError(
      "UNAUTHENTICATED",
      `the certificate has ${uris.length} URI names; an X.509-SVID has exactly one`,
    );
  }
  try {
    parseSpiffeId(uri);
  } catch (cause) {
    throw new CodedError("UNAUTHENTICATED", "the URI name of the certificate is no SPIFFE id", { cause });
  }
  return uri;
}
