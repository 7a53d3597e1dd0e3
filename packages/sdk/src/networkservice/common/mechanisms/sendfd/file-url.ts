import { CodedError } from "@nsmkit/core";

/** The path of a `file://` URL; undefined for any other URL and for none. @throws INVALID_ARGUMENT for a broken one */
export function filePath(url: string | undefined): string | undefined {
  if (url === undefined || !url.startsWith("file:")) return undefined;
  const match = /^file:\/\/(\/[^\0]*)$/.exec(url);
  if (!match?.[1])
    throw new CodedError("INVALID_ARGUMENT", `${JSON.stringify(url)} is no URL of the form file:///path`);
  return match[1];
}
