import { createHash } from "node:crypto";

/** RFC 1123 subdomain, which custom resources are named by (apimachinery, util/validation). */
const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const longest = 253;

/**
 * The name of the object that keeps an entry: the entry's own, as upstream does. One that Kubernetes does not take,
 * which upstream refuses, is made fit and gets a part of its hash, so that two such names never meet.
 */
export function objectNameOf(entryName: string): string {
  return entryName.length <= longest && subdomain.test(entryName) ? entryName : derivedNameOf(entryName);
}

/** A name that no other entry asks for: for an entry whose own name is taken by an object of something else. */
export function derivedNameOf(entryName: string): string {
  const hash = createHash("sha256").update(entryName).digest("hex").slice(0, 10);
  const fit = entryName
    .toLowerCase()
    .replaceAll(/[^a-z0-9.]+/g, "-")
    .replaceAll(/-*\.[.-]*/g, ".")
    .slice(0, longest - hash.length - 1)
    .replaceAll(/^[.-]+|[.-]+$/g, "");
  return fit === "" ? `entry-${hash}` : `${fit}-${hash}`;
}
