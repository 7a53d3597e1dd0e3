import { CodedError } from "@nsmkit/core";
import { type NseElement, nseRules } from "../../core/kinds.ts";

/**
 * Keeps the real URLs of endpoints that registered here, and tells the registry below our own, through which others
 * reach them. In what is found, our URL turns back into the real one; an entry with our URL that did not register here
 * (after a restart, until it comes back) is hidden, for nobody could connect to it.
 * Rules: networkservicemesh/sdk pkg/registry/common/localbypass.
 * @param publicUrl asked at every call: with port 0 it is known only when the server listens
 */
export function localBypassServer(publicUrl: () => string): NseElement {
  const urls = new Map<string, string>();
  return {
    name: "localbypass",
    role: "server",
    async request(ctx, entry, next) {
      if (entry.url === "")
        throw new CodedError("INVALID_ARGUMENT", `endpoint "${entry.name}" has no url; set where it listens`);
      const { name, url } = entry;
      const before = urls.get(name);
      // Before the call, so that a watcher that hears of the entry at once finds its URL.
      urls.set(name, url);
      entry.url = publicUrl();
      try {
        const reply = await next.request(ctx, entry);
        reply.url = url;
        if (reply.name !== name) {
          urls.delete(name);
          urls.set(reply.name, url);
        }
        return reply;
      } catch (error) {
        if (before === undefined) urls.delete(name);
        else urls.set(name, before);
        throw error;
      }
    },
    async close(ctx, entry, next) {
      if (!urls.has(entry.name)) return;
      entry.url = publicUrl();
      try {
        await next.close(ctx, entry);
      } finally {
        urls.delete(entry.name);
      }
    },
    async *find(ctx, query, next) {
      const ours = publicUrl();
      for await (const found of next.find(ctx, query)) {
        const entry = nseRules.entry(found);
        // The same name may have moved to another node meanwhile: then the URL is that one's.
        if (!entry || entry.url !== ours) {
          yield found;
          continue;
        }
        const url = urls.get(entry.name);
        if (url !== undefined) yield nseRules.found({ ...entry, url }, found.deleted);
        else if (found.deleted) yield found;
      }
    },
  };
}
