export { type FakeCrossConnect, FakeCrossConnector } from "./crossconnector.ts";
