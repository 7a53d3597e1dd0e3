import { create } from "@bufbuild/protobuf";
import { type Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { begun, key } from "../../../chain/index.ts";
import { timestampOf } from "../../../networkservice/core/connection.ts";
import type { NseElement } from "../../core/kinds.ts";

const timeKey = key<Timestamp>("initial registration time");

/** Notes when a name was registered first; refreshes cannot change it. */
export function setRegistrationTimeServer(): NseElement {
  return {
    name: "setregistrationtime",
    role: "server",
    requires: ["begin"],
    async request(ctx, entry, next) {
      const { store } = begun(ctx);
      const time = store.get(timeKey) ?? entry.initialRegistrationTime ?? timestampOf(ctx.clock.now());
      store.set(timeKey, time);
      entry.initialRegistrationTime = create(TimestampSchema, { seconds: time.seconds, nanos: time.nanos });
      return next.request(ctx, entry);
    },
  };
}
