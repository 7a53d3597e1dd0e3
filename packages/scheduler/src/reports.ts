import { CodedError, throwIfAborted } from "@nsmkit/core";
import type { ValueFilter } from "./api.ts";
import type { RetrievedValue } from "./descriptor.ts";
import type { Deadlines } from "./engine/deadlines.ts";
import type { Graph } from "./graph/graph.ts";
import type { Node } from "./graph/node.ts";
import { type DescribeValue, describe } from "./history/show.ts";
import type { RecordedKVWithMetadata } from "./record.ts";
import { correlateExisting } from "./refresh/refresher.ts";
import { Retrieval } from "./refresh/retrieve.ts";
import type { DescriptorRegistry, RegisteredDescriptor } from "./registry.ts";
import { baseStatusOf } from "./status.ts";
import { type BaseValueStatus, ValueOrigin, type View } from "./value.ts";

export interface ReportsDeps {
  readonly graph: Graph;
  readonly registry: DescriptorRegistry;
  readonly deadlines: Deadlines;
  readonly describeValue: DescribeValue;
  originOf(key: string): ValueOrigin;
}

/** Reads the graph and the southbound for people; changes nothing. */
export class Reports {
  readonly #deps: ReportsDeps;

  constructor(deps: ReportsDeps) {
    this.#deps = deps;
  }

  statuses(filter: ValueFilter): BaseValueStatus[] {
    const nodes = this.#selected(filter).filter((node) => node.state !== "NONEXISTENT");
    return nodes.map(baseStatusOf);
  }

  async dump(
    filter: ValueFilter & { view?: View },
    options: { signal?: AbortSignal },
  ): Promise<RecordedKVWithMetadata[]> {
    const { view = "SB" } = filter;
    if (view === "SB") return this.#dumpSouthbound(filter, options);
    const nodes = this.#selected(filter).filter((node) => (view === "NB" ? isNorthbound(node) : node.exists));
    return nodes.map((node) => {
      const value = view === "NB" ? node.wanted : node.value;
      return this.#show({ key: node.key, value, metadata: node.metadata, origin: node.origin }, node.descriptor);
    });
  }

  async #dumpSouthbound(filter: ValueFilter, { signal }: { signal?: AbortSignal }): Promise<RecordedKVWithMetadata[]> {
    const { registry, graph, deadlines, originOf } = this.#deps;
    const asked = [...this.#descriptors(filter)];
    const readable = asked.filter(({ descriptor }) => descriptor.retrieve);
    if (readable.length === 0) {
      const names = asked.map(({ name }) => name).join(", ");
      throw new CodedError("UNSUPPORTED", `${names || "no descriptor"} cannot read values back; ask for view cached`);
    }
    const order = registry.retrieveOrder().filter((registered) => readable.includes(registered));
    const dumped: RecordedKVWithMetadata[] = [];
    for (const registered of order) {
      throwIfAborted(signal, "dump");
      const correlate = correlateExisting(graph.baseNodes(registered));
      const retrieval = new Retrieval(registered, { correlate }, deadlines);
      const onAbort = (): void => retrieval.abort(new CodedError("ABORTED", "dump was cancelled"));
      signal?.addEventListener("abort", onAbort, { once: true });
      const values = await retrieval.result.finally(() => signal?.removeEventListener("abort", onAbort));
      for (const value of values) {
        if (filter.keyPrefix !== undefined && !value.key.startsWith(filter.keyPrefix)) continue;
        const origin = value.origin && value.origin !== "UNKNOWN" ? value.origin : originOf(value.key);
        dumped.push(this.#show({ ...value, origin }, registered));
      }
    }
    return dumped.sort((a, b) => (a.Key < b.Key ? -1 : 1));
  }

  #show(
    { key, value, metadata, origin }: RetrievedValue,
    registered: RegisteredDescriptor | undefined,
  ): RecordedKVWithMetadata {
    return {
      Key: key,
      Value: describe(this.#deps.describeValue, registered, key, value),
      Origin: ValueOrigin[origin ?? "UNKNOWN"],
      Metadata: metadata ?? null,
    };
  }

  #selected(filter: ValueFilter): Node[] {
    const { graph } = this.#deps;
    const registered = filter.descriptor === undefined ? undefined : this.#named(filter.descriptor);
    const nodes = registered ? graph.baseNodes(registered) : [...graph.nodes.values()].filter((node) => !node.base);
    return nodes
      .filter(({ key }) => filter.keyPrefix === undefined || key.startsWith(filter.keyPrefix))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  /** Descriptors that may have values below the prefix. */
  #descriptors(filter: ValueFilter): Iterable<RegisteredDescriptor> {
    if (filter.descriptor !== undefined) return [this.#named(filter.descriptor)];
    const { keyPrefix } = filter;
    if (keyPrefix === undefined) return this.#deps.registry.all;
    return [...this.#deps.registry.all].filter(({ descriptor: { keySelector, nbKeyPrefix } }) => {
      const { prefix } = keySelector;
      return prefix.startsWith(keyPrefix) || keyPrefix.startsWith(prefix) || nbKeyPrefix === keyPrefix;
    });
  }

  #named(name: string): RegisteredDescriptor {
    const registered = this.#deps.registry.get(name);
    if (!registered) throw new CodedError("NOT_FOUND", `no descriptor is named "${name}"`);
    return registered;
  }
}

function isNorthbound(node: Node): boolean {
  return node.origin === "NB" && node.wanted !== undefined;
}
