import { create, isMessage, type Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import {
  type Notification,
  NotificationSchema,
  type NotifyResponse,
  NotifyResponseSchema,
} from "@nsmkit/api/configurator";
import { type InterfaceState, InterfaceNotification_NotifType as NotifType } from "@nsmkit/api/linux";

/** As many as the original keeps. */
const defaultSize = 10_000;

/**
 * The last notifications, numbered from 0. Readers take them from here at their own pace: one that is slow loses
 * nothing until it is as far behind as is kept.
 */
export class NotificationLog {
  readonly #size: number;
  readonly #kept: Notification[] = [];
  #first = 0;
  readonly #waiting = new Set<() => void>();

  constructor(size: number = defaultSize) {
    this.#size = size;
  }

  push(notification: Notification): void {
    this.#kept.push(notification);
    if (this.#kept.length > this.#size) {
      this.#kept.shift();
      this.#first++;
    }
    for (const wake of this.#waiting) wake();
  }

  /**
   * Notifications from a number on, those to come included, until the signal.
   * @param from first wanted; one that does not exist yet is of an earlier life of the agent: everything is given then
   * @param filters only those that contain one of these; none: all
   */
  async *read(
    from: number,
    filters: readonly Notification[],
    options: { signal: AbortSignal },
  ): AsyncGenerator<NotifyResponse> {
    let next = from > this.#first + this.#kept.length ? 0 : from;
    while (!options.signal.aborted) {
      next = Math.max(next, this.#first);
      const notification = this.#kept[next - this.#first];
      if (!notification) {
        await this.#more(options.signal);
        continue;
      }
      next++;
      if (filters.length === 0 || filters.some((filter) => contains(notification, filter)))
        yield create(NotifyResponseSchema, { nextIdx: next, notification });
    }
  }

  /** The next notification, or the end of the signal. */
  async #more(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    const stop = (): void => resolve();
    signal.addEventListener("abort", stop, { once: true });
    await promise;
    signal.removeEventListener("abort", stop);
    this.#waiting.delete(resolve);
  }
}

/** What `ligato.configurator.Notification` says of a Linux interface. */
export function interfaceNotification(state: InterfaceState): Notification {
  return create(NotificationSchema, {
    notification: {
      case: "linuxNotification",
      value: {
        $typeName: "ligato.linux.Notification",
        interface: { $typeName: "ligato.linux.interfaces.InterfaceNotification", type: NotifType.UPDOWN, state },
      },
    },
  });
}

/** Whether every field that the filter sets has that value (ligato/vpp-agent plugins/configurator/notify.go). */
function contains(notification: Notification, filter: Notification): boolean {
  return holds(NotificationSchema, notification, filter);
}

function holds(schema: Parameters<typeof reflect>[0], message: Message, filter: Message): boolean {
  const [have, want] = [reflect(schema, message), reflect(schema, filter)];
  return schema.fields.every((field) => {
    if (!want.isSet(field)) return true;
    if (field.fieldKind === "list" || field.fieldKind === "map") return false;
    if (!have.isSet(field)) return field.fieldKind === "message" && isEmpty(want.get(field));
    const [a, b]: unknown[] = [have.get(field), want.get(field)];
    if (field.fieldKind !== "message") return a === b;
    return holds(field.message, inner(a), inner(b));
  });
}

function inner(value: unknown): Message {
  return (value as { message: Message }).message;
}

function isEmpty(value: unknown): boolean {
  const message = inner(value);
  return isMessage(message) && Object.keys(message).every((key) => key.startsWith("$"));
}
