export { type TestDescriptorOptions, type TestValue, testDescriptor } from "./descriptor.ts";
export { FakeSouthbound, type HangingCall, type PerformedOperation, type SouthboundOperation } from "./southbound.ts";
