import assert from "node:assert/strict";
import { linkList, sysctlSet } from "../../ops.ts";
import { type ContractCase, mainTable, nextEvent, rejectsWith } from "./case.ts";

export const namespacesContract: readonly ContractCase[] = [
  {
    title: "a new namespace holds the loopback alone, down",
    async run({ inA }) {
      const links = await inA.linkList();
      assert.deepEqual(
        links.map(({ name, index, up, loopback, kind }) => ({ name, index, up, loopback, kind })),
        [{ name: "lo", index: 1, up: false, loopback: true, kind: undefined }],
      );
      assert.deepEqual(await inA.routeList(mainTable), []);
    },
  },
  {
    title: "another namespace has no id until it is given one, and keeps it",
    async run({ inA, b, a }) {
      assert.equal(await inA.nsidGet(b), undefined);
      await inA.nsidSet(b, 12);
      assert.equal(await inA.nsidGet(b), 12);
      await rejectsWith(inA.nsidSet(b, 13), "ALREADY_EXISTS");
      await inA.nsidSet(a);
      assert.equal(typeof (await inA.nsidGet(a)), "number");
    },
  },
  {
    title: "a sysctl belongs to its namespace",
    async run({ inA, inB }) {
      await inA.batch([sysctlSet("net.ipv4.ip_forward", "1")]);
      assert.equal(await inA.sysctlGet("net.ipv4.ip_forward"), "1");
      assert.equal(await inB.sysctlGet("net/ipv4/ip_forward"), "0");
    },
  },
  {
    title: "a namespace is the same however it is opened",
    async run({ netlink, a }) {
      await using byFd = await netlink.namespaces.open({ fd: a.fd });
      assert.deepEqual(byFd.identity, a.identity);
      assert.notEqual(byFd.fd, a.fd);
      await using own = netlink.handle(byFd);
      assert.equal((await own.linkList()).length, 1);
    },
  },
  {
    title: "a closed handle or namespace refuses requests with CLOSED",
    async run({ netlink }) {
      const netns = await netlink.namespaces.create();
      const handle = netlink.handle(netns);
      await handle.close();
      await handle.close();
      await rejectsWith(handle.linkList(), "CLOSED");
      await netns.close();
      await netns.close();
      const [[result] = []] = await netlink.execute([{ netns, ops: [linkList()] }]);
      assert.ok(result && !result.ok && result.error.code === "CLOSED");
    },
  },
  {
    title: "links of a namespace that nobody holds any more disappear with it",
    async run({ netlink, inA }) {
      const netns = await netlink.namespaces.create();
      await inA.linkAdd({ kind: "veth", name: "va", peer: { name: "vb", netns } });
      await using monitor = await inA.monitor({ groups: ["link"] });
      await netns.close();
      await nextEvent(
        monitor,
        (event) => event.type === "link" && event.action === "delete" && event.link.name === "va",
      );
    },
  },
];
