import type { Message } from "@bufbuild/protobuf";
import type { Model } from "@nsmkit/api/model";

/** One declared value on its way from a northbound source to the scheduler. */
export interface Item {
  /** Without the agent's prefix: "config/linux/l3/v2/route/10.0.0.0/8/eth0". */
  readonly key: string;
  readonly model: Model;
  readonly value: Message;
  /** Where it was declared, for errors: "nat.yaml:12:9: CNFConfiguration default/nat item 2". */
  readonly place: string;
  /** What the generic manager keeps with an item. */
  readonly labels?: Readonly<Record<string, string>>;
}
