import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { CodedError } from "@nsmkit/core";
import { Inbox } from "../inbox.ts";
import { type CallOutcome, ClientCall } from "./call.ts";

/** A call with any number of replies, read by one `for await`. */
export class StreamingCall<O extends DescMessage> extends ClientCall<O> {
  readonly inbox: Inbox<MessageShape<O>>;
  readonly #ended: () => void;
  #drained: (() => void) | undefined;

  constructor(method: string, output: O, maxMessageBytes: number | undefined, ended: () => void) {
    super(method, output, maxMessageBytes);
    this.#ended = ended;
    this.inbox = new Inbox(() => this.cancel(new CodedError("ABORTED", `${method}: the reader left`)));
  }

  protected override onMessage(message: MessageShape<O>): void {
    this.inbox.push(message);
  }

  protected override onOutcome(outcome: CallOutcome): void {
    this.#drained?.();
    this.#ended();
    this.inbox.end(outcome.error);
  }

  override onDrain(): void {
    this.#drained?.();
  }

  /** Resolves when more may be sent, or when the call is over. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#drained = resolve;
    });
  }
}
