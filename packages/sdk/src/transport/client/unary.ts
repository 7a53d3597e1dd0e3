import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { CodedError, mustExist } from "@nsmkit/core";
import type { Metadata, Peer } from "../api.ts";
import { type CallOutcome, ClientCall } from "./call.ts";

export interface UnaryReply<O extends DescMessage> {
  readonly message: MessageShape<O>;
  readonly header: Metadata;
  /** The connection that carried the call: files that the reply names come on it. */
  readonly peer: Peer;
}

/** A call with one reply. */
export class UnaryCall<O extends DescMessage> extends ClientCall<O> {
  readonly #settle: (outcome: CallOutcome, reply: UnaryReply<O> | undefined) => void;
  #message: MessageShape<O> | undefined;
  #surplus = false;

  constructor(
    method: string,
    output: O,
    maxMessageBytes: number | undefined,
    settle: (outcome: CallOutcome, reply: UnaryReply<O> | undefined) => void,
  ) {
    super(method, output, maxMessageBytes);
    this.#settle = settle;
  }

  protected override onMessage(message: MessageShape<O>): void {
    if (this.#message !== undefined) this.#surplus = true;
    this.#message = message;
  }

  protected override onOutcome(outcome: CallOutcome): void {
    if (outcome.error) this.#settle(outcome, undefined);
    else if (this.#message === undefined || this.#surplus) {
      const what = this.#surplus ? "several replies" : "no reply";
      const error = new CodedError("PROTOCOL", `${this.method}: the peer sent ${what} to a call that has one`);
      this.#settle({ error, untouched: false }, undefined);
    } else {
      const peer = mustExist(this.peer, "the peer of an answered call");
      this.#settle(outcome, { message: this.#message, header: this.header, peer });
    }
  }
}
