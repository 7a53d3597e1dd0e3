export { FakeClock, settle } from "./clock.ts";
export { type LogLine, RecordingLogger } from "./logger.ts";
