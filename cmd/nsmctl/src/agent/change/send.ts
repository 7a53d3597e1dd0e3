import { create } from "@bufbuild/protobuf";
import { ConfiguratorService, DeleteRequestSchema, UpdateRequestSchema } from "@nsmkit/api/configurator";
import { Item_IDSchema, ItemSchema, ManagerService, SetConfigRequestSchema } from "@nsmkit/api/generic";
import { packItem } from "@nsmkit/api/model";
import { CodedError, isCodedError } from "@nsmkit/core";
import { isObject } from "../../lab/documents/object.ts";
import { isGrpcOff } from "../connection/grpc.ts";
import type { Session } from "../connection/session.ts";
import { configOf } from "./configurator.ts";
import { deleteFromEtcd, putIntoEtcd } from "./etcd.ts";
import type { Item } from "./read-files.ts";
import { configText } from "./text.ts";

export const ways = ["auto", "grpc", "rest", "etcd"] as const;
export type Way = (typeof ways)[number];

export interface Sent {
  /** How it was done: "gRPC", "gRPC (configurator)", "REST", "etcd". */
  readonly by: string;
  /** Number of the transaction, where the agent tells it. */
  readonly seqNum?: number;
}

/** Marks what comes from here, as agentctl marks what comes from it. */
const ownLabels = { "io.ligato.from-client": "nsmctl" };

/** Declares values. @throws CodedError as the agent says; FAILED_PRECONDITION where no way is open */
export async function sendUpdate(
  session: Session,
  items: readonly Item[],
  options: { readonly way: Way; readonly replace: boolean; readonly labels: Readonly<Record<string, string>> },
): Promise<Sent> {
  const { way, replace } = options;
  if (way === "etcd") return putIntoEtcd(session, items, { replace });
  if (way === "rest") return putOverRest(session, items, replace);
  const labels = Object.keys(options.labels).length > 0 ? options.labels : ownLabels;
  const updates = items.map(({ model, value }) => ({ item: packItem(model, value as never), labels: { ...labels } }));
  return overGrpc(session, way, {
    async manager(grpc) {
      const request = create(SetConfigRequestSchema, { updates, overwriteAll: replace });
      return sentBy("gRPC", await grpc.call(ManagerService.method.setConfig, request));
    },
    async configurator(grpc) {
      const update = configOf(items);
      await grpc.call(ConfiguratorService.method.update, create(UpdateRequestSchema, { update, fullResync: replace }));
      return { by: "gRPC (configurator)" };
    },
    rest: () => putOverRest(session, items, replace),
  });
}

/** Withdraws values. */
export async function sendDelete(session: Session, items: readonly Item[], way: Way): Promise<Sent> {
  if (way === "etcd") return deleteFromEtcd(session, items);
  if (way === "rest") throw noRest();
  const updates = items.map(({ model, key }) => ({
    item: create(ItemSchema, {
      id: create(Item_IDSchema, { model: model.name, name: key.slice(model.keyPrefix.length) }),
    }),
  }));
  return overGrpc(session, way, {
    async manager(grpc) {
      return sentBy(
        "gRPC",
        await grpc.call(ManagerService.method.setConfig, create(SetConfigRequestSchema, { updates })),
      );
    },
    async configurator(grpc) {
      const request = create(DeleteRequestSchema, { delete: configOf(items) });
      await grpc.call(ConfiguratorService.method.delete, request);
      return { by: "gRPC (configurator)" };
    },
    rest: async () => {
      throw noRest();
    },
  });
}

type Grpc = Awaited<ReturnType<Session["grpc"]>>;

async function overGrpc(
  session: Session,
  way: Way,
  attempts: {
    readonly manager: (grpc: Grpc) => Promise<Sent>;
    readonly configurator: (grpc: Grpc) => Promise<Sent>;
    readonly rest: () => Promise<Sent>;
  },
): Promise<Sent> {
  let off: CodedError;
  try {
    const grpc = await session.grpc();
    try {
      return await attempts.manager(grpc);
    } catch (error) {
      if (!isCodedError(error, "UNSUPPORTED")) throw error;
      session.note("note: the agent has no generic manager; its configurator is asked");
      return await attempts.configurator(grpc);
    }
  } catch (error) {
    if (way === "grpc" || !isCodedError(error) || !isGrpcOff(error)) throw error;
    off = error;
  }
  try {
    return await attempts.rest();
  } catch (error) {
    if (!isCodedError(error, "UNSUPPORTED")) throw error;
    throw new CodedError(
      "FAILED_PRECONDITION",
      `${off.message}; and ${error.message}. An agent that takes its configuration from etcd can be given it there: --via etcd`,
      { cause: error },
    );
  }
}

async function putOverRest(session: Session, items: readonly Item[], replace: boolean): Promise<Sent> {
  const answer = await session.http.text("PUT", "/configuration", replace ? { replace: "1" } : {}, configText(items));
  const value: unknown = answer.startsWith("{") ? JSON.parse(answer) : undefined;
  const seqNum = isObject(value) && typeof value.seqnum === "number" ? value.seqnum : undefined;
  return { by: "REST", ...(seqNum === undefined ? {} : { seqNum }) };
}

function noRest(): CodedError {
  return new CodedError("UNSUPPORTED", "nothing can be withdrawn over REST");
}

function sentBy(
  by: string,
  answer: { readonly results: readonly { key: string; status?: { message: string } }[] },
): Sent {
  const seqNum = Number(answer.results.find(({ key }) => key === "seqnum")?.status?.message);
  return { by, ...(Number.isSafeInteger(seqNum) ? { seqNum } : {}) };
}
