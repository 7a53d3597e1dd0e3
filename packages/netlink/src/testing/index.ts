export { type ContractCase, inWorld, netlinkContract, nextEvent, rejectsWith, type World } from "./contract/index.ts";
export { FakeNetlink, type FakeNetlinkOptions, type Intercept } from "./fake-netlink.ts";
export { FakeNamespaces, FakeNetns } from "./fake-netns.ts";
