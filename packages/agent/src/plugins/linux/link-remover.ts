import { type CodedError, isCodedError } from "@nsmkit/core";
import { linkList } from "@nsmkit/netlink";
import type { OpenNamespace } from "./namespaces.ts";

interface Removal {
  readonly hostName: string;
  readonly owned: (alias: string | undefined) => boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Deletes links, those of one namespace together: the kernel takes about 20 ms for a delete, whether it is of one
 * link or of a group of thousands. What arrives while a delete runs goes with the next one.
 */
export class LinkRemover {
  readonly #waiting = new Map<OpenNamespace, Removal[]>();
  readonly #running = new Set<OpenNamespace>();

  /**
   * Deletes a link if it is there and owned; a foreign link of that name stays, and no link at all is a success.
   * @param owned decides by the alias
   */
  remove(namespace: OpenNamespace, hostName: string, owned: (alias: string | undefined) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const queue = this.#waiting.get(namespace) ?? [];
      queue.push({ hostName, owned, resolve, reject });
      this.#waiting.set(namespace, queue);
      if (!this.#running.has(namespace)) void this.#drain(namespace);
    });
  }

  async #drain(namespace: OpenNamespace): Promise<void> {
    this.#running.add(namespace);
    // Deletes of one transaction arrive within one turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
    for (let batch = this.#take(namespace); batch.length > 0; batch = this.#take(namespace))
      await this.#run(namespace, batch);
    this.#running.delete(namespace);
  }

  #take(namespace: OpenNamespace): Removal[] {
    const batch = this.#waiting.get(namespace) ?? [];
    this.#waiting.delete(namespace);
    return batch;
  }

  async #run(namespace: OpenNamespace, batch: readonly Removal[]): Promise<void> {
    try {
      const [listed] = await namespace.handle.batch([linkList()]);
      if (!listed.ok) throw listed.error;
      const byName = new Map(listed.value.map((link) => [link.name, link]));
      const indexes = batch.flatMap(({ hostName, owned }) => {
        const link = byName.get(hostName);
        return link && owned(link.alias) ? [link.index] : [];
      });
      if (indexes.length > 0) await deleteAll(namespace, indexes);
      for (const { resolve } of batch) resolve();
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}

/** A veth that went with its peer in the same delete is not missed. */
async function deleteAll({ handle }: OpenNamespace, indexes: readonly number[]): Promise<void> {
  try {
    await handle.linkDelete(indexes);
  } catch (error) {
    if (!isCodedError(error, "NOT_FOUND") || hasFailures(error)) throw error;
  }
}

function hasFailures(error: CodedError): boolean {
  const failed = error.details.failed;
  return Array.isArray(failed) && failed.length > 0;
}
