export { type FakeConnection, type FakeEndpoint, FakeMesh } from "./mesh.ts";
