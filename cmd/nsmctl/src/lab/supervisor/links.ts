import { mustExist } from "@nsmkit/core";
import type { Netlink } from "@nsmkit/netlink";
import type { LinkSpec } from "../spec/spec.ts";
import type { Sandbox } from "./sandbox.ts";
import { makeLink } from "./underlay.ts";

type Owner = LinkSpec["ends"][number]["owner"];

/** The veth pairs of the Lab document. */
export class LabLinks {
  readonly #netlink: Netlink;
  readonly #sandboxOf: (owner: Owner) => Sandbox | undefined;
  readonly #links = new Map<string, LinkSpec>();

  constructor(netlink: Netlink, sandboxOf: (owner: Owner) => Sandbox | undefined) {
    this.#netlink = netlink;
    this.#sandboxOf = sandboxOf;
  }

  get all(): readonly LinkSpec[] {
    return [...this.#links.values()];
  }

  async add(link: LinkSpec): Promise<void> {
    const end = (spec: LinkSpec["ends"][number]) => ({
      spec,
      sandbox: mustExist(this.#sandboxOf(spec.owner), `${spec.owner.kind} ${spec.owner.name}`),
    });
    const [first, second] = link.ends;
    await makeLink(this.#netlink, [end(first), end(second)]);
    this.#links.set(link.name, link);
  }

  async remove(name: string): Promise<void> {
    const ends = this.#links.get(name)?.ends ?? [];
    this.#links.delete(name);
    for (const { owner, interface: link } of ends) {
      // One end takes the other along, also when that is no longer there.
      await this.#sandboxOf(owner)
        ?.handle.linkDelete(link)
        .catch(() => {});
    }
  }
}
