import { create, fromBinary, fromJsonString, type JsonObject, toJson } from "@bufbuild/protobuf";
import {
  NotificationSchema as ConfiguratorNotificationSchema,
  ConfiguratorService,
  NotifyRequestSchema,
} from "@nsmkit/api/configurator";
import { ManagerService, type Notification, SubscribeRequestSchema } from "@nsmkit/api/generic";
import { formatValue } from "@nsmkit/api/model";
import { allModels } from "@nsmkit/api/model/vpp";
import { CodedError, isCodedError, messageOf } from "@nsmkit/core";
import type { Session } from "../connection/session.ts";
import { agentModels, matching, ownModels } from "../model/models.ts";

interface WatchRequest {
  readonly patterns: readonly string[];
  readonly filters: readonly string[];
  readonly json: boolean;
}

/** Prints notifications until the command is interrupted or the agent ends the stream. */
export async function watchAgent(session: Session, request: WatchRequest): Promise<void> {
  if (request.filters.length > 0) return watchConfigurator(session, request);
  try {
    await watchManager(session, request);
  } catch (error) {
    // Ctrl-C is how a watch ends.
    if (session.signal.aborted) return;
    if (!isCodedError(error, "UNSUPPORTED")) throw error;
    session.note("note: the agent tells changes of interfaces only (its generic manager has no subscriptions)");
    await watchConfigurator(session, request).catch((cause: unknown) => {
      if (!isCodedError(cause, "UNSUPPORTED")) throw cause;
      throw new CodedError("UNSUPPORTED", `this agent tells no changes at all: ${cause.message}`, { cause });
    });
  }
}

async function watchManager(session: Session, { patterns, json }: WatchRequest): Promise<void> {
  const grpc = await session.grpc();
  const names = await modelNames(session, patterns);
  for await (const { notifications } of grpc.stream(ManagerService.method.subscribe, create(SubscribeRequestSchema)))
    for (const notification of notifications) {
      const model = notification.item?.id?.model ?? "";
      if (names && !names.has(model)) continue;
      session.print(json ? `${JSON.stringify(plain(notification))}\n` : line(notification));
    }
}

async function modelNames(session: Session, patterns: readonly string[]): Promise<ReadonlySet<string> | undefined> {
  if (patterns.length === 0) return undefined;
  const found = await Promise.resolve()
    .then(() => matching(ownModels(), patterns))
    .catch(async () => matching(await agentModels(session), patterns));
  return new Set(found.map(({ name }) => name));
}

function line({ item, status }: Notification): string {
  const time = new Date().toISOString().slice(11, 23);
  const reason = status?.message ? `: ${status.message}` : "";
  return `${time} ${item?.id?.model ?? ""} ${item?.id?.name ?? ""} ${status?.status ?? ""}${reason}\n`;
}

function plain({ item, status }: Notification): Record<string, unknown> {
  const model = allModels.modelOfName(item?.id?.model ?? "");
  const any = item?.data?.union.case === "any" ? item.data.union.value : undefined;
  return {
    model: item?.id?.model ?? "",
    name: item?.id?.name ?? "",
    state: status?.status ?? "",
    ...(status?.message ? { message: status.message } : {}),
    ...(model && any ? { value: formatValue(model, fromBinary(model.schema, any.value) as never) } : {}),
  };
}

async function watchConfigurator(session: Session, { filters, json }: WatchRequest): Promise<void> {
  const grpc = await session.grpc();
  const wanted = filters.map((text) => {
    try {
      return fromJsonString(ConfiguratorNotificationSchema, text);
    } catch (cause) {
      throw new CodedError(
        "INVALID_ARGUMENT",
        `--filter ${JSON.stringify(text.slice(0, 80))} is no notification: ${messageOf(cause)}`,
        { cause },
      );
    }
  });
  const request = create(NotifyRequestSchema, { filters: wanted });
  for await (const { notification } of grpc.stream(ConfiguratorService.method.notify, request)) {
    if (!notification) continue;
    const value = toJson(ConfiguratorNotificationSchema, notification, { useProtoFieldName: true }) as JsonObject;
    if (json) session.print(`${JSON.stringify(value)}\n`);
    else session.print(`${new Date().toISOString().slice(11, 23)} ${JSON.stringify(value)}\n`);
  }
}
