import type { UnknownObject } from "../object.ts";
import type { SecretData } from "./issue.ts";

/** Texts as the `data` of a Secret. */
export const encodeSecret = (data: SecretData): Record<string, string> =>
  Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString("base64")]));

/** The `data` of a Secret as texts. */
export function decodeSecret(secret: UnknownObject): SecretData {
  const data = (secret.data ?? {}) as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(String(value), "base64").toString("utf8")]),
  );
}
