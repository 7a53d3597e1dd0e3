export { type EtcdCase, etcdCases } from "../etcd/testing/cases.ts";
export { type Fault, MemoryEtcd, type SavedStore } from "../etcd/testing/memory-etcd.ts";
export { FakeIptables } from "./iptables.ts";
export { type FakeConnection, type FakeEndpoint, FakeMesh } from "./mesh.ts";
