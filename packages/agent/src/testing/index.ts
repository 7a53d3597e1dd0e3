export { FakeIptables } from "./iptables.ts";
export { type FakeConnection, type FakeEndpoint, FakeMesh } from "./mesh.ts";
