import type { Message } from "@bufbuild/protobuf";
import { type Model, parseValue } from "@nsmkit/api/model";
import type { RecordedKVWithMetadata } from "@nsmkit/scheduler";
import { isObject } from "./files/object.ts";

/** The JSON of a value that the scheduler's dump shows, without the name of its message. */
export function recordedJson({ Value }: Pick<RecordedKVWithMetadata, "Value">): unknown {
  return isObject(Value) && typeof Value.ProtoMsgName === "string" ? Value.ProtoMsgData : Value;
}

/** The message that an entry of the scheduler's dump shows. */
export function recordedMessage(model: Model, entry: RecordedKVWithMetadata): Message {
  return parseValue(model, recordedJson(entry), { object: entry.Key });
}
