/**
 * The ownership mark: link aliases `/vnf-agent/<label>/<name>[/<peer>]` (ligato/vpp-agent plugins/linux/ifplugin).
 * A link without the mark of this agent is never changed or deleted, except as EXISTING.
 */
export class Mark {
  readonly #prefix: string;

  constructor(label: string) {
    this.#prefix = `/vnf-agent/${label}/`;
  }

  /** @param parts logical name first, then what the type adds. A slash in a name is escaped, as it separates. */
  alias(...parts: readonly string[]): string {
    return `${this.#prefix}${parts.map((part) => part.replaceAll("%", "%25").replaceAll("/", "%2F")).join("/")}`;
  }

  /** The parts of an alias of this agent; undefined for any other. */
  parse(alias: string | undefined): readonly string[] | undefined {
    if (!alias?.startsWith(this.#prefix)) return undefined;
    return alias
      .slice(this.#prefix.length)
      .split("/")
      .map((part) => part.replaceAll("%2F", "/").replaceAll("%25", "%"));
  }

  owns(alias: string | undefined): boolean {
    return alias?.startsWith(this.#prefix) ?? false;
  }
}
