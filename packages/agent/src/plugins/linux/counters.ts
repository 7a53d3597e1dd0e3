import { type Link, linkList } from "@nsmkit/netlink";
import type { LinuxContext } from "./context.ts";

/** The links of declared interfaces that exist now, with their counters, by logical name. */
export async function readCounters(
  { namespaces, interfaces }: LinuxContext,
  options: { signal: AbortSignal },
): Promise<{ name: string; link: Link }[]> {
  const found: { name: string; link: Link }[] = [];
  for (const namespace of namespaces.all()) {
    const [links] = await namespace.handle.batch([linkList({ statistics: true })], options);
    if (!links.ok) throw links.error;
    const byIndex = new Map(links.value.map((link) => [link.index, link]));
    for (const [name, metadata] of interfaces().entries()) {
      const link = metadata.namespaceId === namespace.id ? byIndex.get(metadata.index) : undefined;
      if (link) found.push({ name, link });
    }
  }
  return found;
}
