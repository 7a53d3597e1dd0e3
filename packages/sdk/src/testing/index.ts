export { type BareClient, bareClient, connectionTo } from "./bare-client.ts";
export { createTestCa, type Issued, type IssueOptions, type TestCa } from "./ca.ts";
export { type FakeCrossConnect, FakeCrossConnector } from "./crossconnector.ts";
export { type ForwarderPart, type NsmgrPart, type Part, startEndpoint, startForwarder, startNsmgr } from "./node.ts";
export { type Sandbox, type SandboxNode, type SandboxOptions, sandbox } from "./sandbox.ts";
export { until } from "./until.ts";
export { type FakeWorkloadApi, fakeWorkloadApi } from "./workload.ts";
