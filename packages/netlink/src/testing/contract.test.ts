import { test } from "node:test";
import { inWorld, netlinkContract } from "./contract.ts";
import { FakeNetlink } from "./fake-netlink.ts";

for (const { title, run } of netlinkContract) {
  test(`fake: ${title}`, async () => {
    await using netlink = new FakeNetlink();
    await inWorld(netlink, run);
  });
}
