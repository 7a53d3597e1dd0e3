import { create, fromBinary, type Message } from "@bufbuild/protobuf";
import { readDeclaration } from "@nsmkit/agent/documents";
import { ConfiguratorService, DumpRequestSchema, GetRequestSchema } from "@nsmkit/api/configurator";
import {
  DumpStateRequestSchema,
  GetConfigRequestSchema,
  type Item,
  type ItemStatus,
  ManagerService,
} from "@nsmkit/api/generic";
import { type Model, parseValue } from "@nsmkit/api/model";
import { allModels } from "@nsmkit/api/model/vpp";
import { CodedError, isCodedError } from "@nsmkit/core";
import { itemsOf } from "../change/configurator.ts";
import { dumpModels } from "../commands/dump.ts";
import { isGrpcOff } from "../connection/grpc.ts";
import type { View } from "../connection/scheduler.ts";
import type { Session } from "../connection/session.ts";

/** A value of an agent, as far as it tells. */
export interface ReadItem {
  /** "linux.l3.route" */
  readonly model: string;
  readonly name: string;
  /** Absent where nsmctl does not know the model. */
  readonly known?: { readonly model: Model; readonly value: Message };
  readonly status?: { readonly state: string; readonly message: string };
  readonly labels?: Readonly<Record<string, string>>;
}

type Labels = Readonly<Record<string, string>>;

/** What an agent was asked for: over gRPC, else REST, else from its scheduler. */
export async function readConfiguration(session: Session, labels: Labels): Promise<ReadItem[]> {
  try {
    const grpc = await session.grpc();
    try {
      const { items } = await grpc.call(
        ManagerService.method.getConfig,
        create(GetConfigRequestSchema, { labels: { ...labels } }),
      );
      return items.flatMap(({ item, status, labels }) => (item ? [fromItem(item, status, labels)] : []));
    } catch (error) {
      if (!isCodedError(error, "UNSUPPORTED")) throw error;
      refuseLabels(labels, "this agent's configurator knows none");
      const { config } = await grpc.call(ConfiguratorService.method.get, create(GetRequestSchema));
      return config ? itemsOf(config).map(fromValue) : [];
    }
  } catch (error) {
    if (!isGrpcOff(error)) throw error;
    refuseLabels(labels, "they are told over gRPC only, which this agent does not serve (no grpc.conf)");
  }
  try {
    const text = await session.http.text("GET", "/configuration");
    const { items } = readDeclaration(text, { name: "the agent's configuration", models: allModels, label: "" });
    return items.map(fromValue);
  } catch (error) {
    if (!isCodedError(error, "UNSUPPORTED")) throw error;
    session.note("note: the agent serves neither gRPC nor /configuration; read from its scheduler");
    return fromScheduler(session, "NB");
  }
}

/** What an agent believes to be in the system. */
export async function retrieveConfiguration(session: Session): Promise<ReadItem[]> {
  try {
    const grpc = await session.grpc();
    try {
      const { items } = await grpc.call(ManagerService.method.dumpState, create(DumpStateRequestSchema));
      return items.flatMap(({ item }) => (item ? [fromItem(item)] : []));
    } catch (error) {
      if (!isCodedError(error, "UNSUPPORTED")) throw error;
      const { dump } = await grpc.call(ConfiguratorService.method.dump, create(DumpRequestSchema));
      return dump ? itemsOf(dump).map(fromValue) : [];
    }
  } catch (error) {
    if (!isGrpcOff(error)) throw error;
    return fromScheduler(session, "cached");
  }
}

async function fromScheduler(session: Session, view: View): Promise<ReadItem[]> {
  const values = await dumpModels(session, ["all"], view);
  return values.flatMap(({ Key, Value }): ReadItem[] => {
    const found = allModels.modelOfKey(Key);
    if (!found) return [];
    const { model, name } = found;
    if (typeof Value === "string")
      throw new CodedError(
        "UNSUPPORTED",
        `${Key}: the agent tells values in protobuf's text form only; look at them with "nsmctl agent dump", or give it a grpc.conf`,
      );
    const value = parseValue(model, Value, { object: Key });
    return [{ model: model.name, name, known: { model, value } }];
  });
}

function refuseLabels(labels: Labels, why: string): void {
  if (Object.keys(labels).length === 0) return;
  throw new CodedError("UNSUPPORTED", `--labels cannot be asked for: ${why}`);
}

function fromItem(item: Item, status?: ItemStatus, labels: Labels = {}): ReadItem {
  const model = allModels.modelOfName(item.id?.model ?? "");
  const data = item.data?.union.case === "any" ? item.data.union.value : undefined;
  const value = model && data ? fromBinary(model.schema, data.value) : undefined;
  return {
    model: item.id?.model ?? "",
    name: item.id?.name ?? "",
    ...(model && value ? { known: { model, value } } : {}),
    ...(status ? { status: { state: status.status, message: status.message } } : {}),
    ...(Object.keys(labels).length > 0 ? { labels } : {}),
  };
}

function fromValue({ model, value }: { readonly model: Model; readonly value: Message }): ReadItem {
  return { model: model.name, name: model.naming?.of(value as never) ?? "", known: { model, value } };
}
