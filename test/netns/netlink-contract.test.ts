/** The contract that the fake kernel passes in its unit tests, on the real one. */
import { after, test } from "node:test";
import { isCodedError, messageOf } from "@nsmkit/core";
import { type Netlink, openNetlink } from "@nsmkit/netlink";
import { inWorld, netlinkContract } from "@nsmkit/netlink/testing";

const netlink = await openNetlink();
after(() => netlink.close());

/** Why nothing here can run, if so: namespaces need CAP_SYS_ADMIN. */
async function obstacle(): Promise<string | undefined> {
  try {
    await using _ = await netlink.namespaces.create();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** Kinds of link that this kernel lacks. */
async function missingKinds(kernel: Netlink): Promise<Set<string>> {
  const missing = new Set<string>();
  await inWorld(kernel, async ({ inA }) => {
    await inA.linkAdd({ kind: "veth", name: "parent", peer: { name: "child" } });
    const probes = [
      { kind: "vxlan", name: "x1", id: 1 },
      { kind: "tap", name: "x2" },
      { kind: "vlan", name: "x3", id: 1, link: "parent" },
    ] as const;
    for (const probe of probes) {
      try {
        await inA.linkAdd(probe);
      } catch (error) {
        if (!isCodedError(error, "UNSUPPORTED")) throw error;
        missing.add(probe.kind);
      }
    }
  });
  return missing;
}

const reason = await obstacle();
const missing = reason === undefined ? await missingKinds(netlink) : new Set<string>();

for (const { title, needs, run } of netlinkContract) {
  const lacking = needs !== undefined && missing.has(needs) ? `this kernel has no ${needs} links` : undefined;
  test(`kernel: ${title}`, { skip: reason ?? lacking ?? false }, () => inWorld(netlink, run));
}
