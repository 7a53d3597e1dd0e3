import { test } from "node:test";
import { FakeNetlink } from "../fake-netlink.ts";
import { inWorld, netlinkContract } from "./index.ts";

for (const { title, run } of netlinkContract) {
  test(`fake: ${title}`, async () => {
    await using netlink = new FakeNetlink();
    await inWorld(netlink, run);
  });
}
