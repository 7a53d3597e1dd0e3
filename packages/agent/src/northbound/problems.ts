import { CodedError, isCodedError } from "@nsmkit/core";

/** What is wrong with one item of a batch. */
export interface ItemProblem {
  /** Where the item was declared. */
  readonly place: string;
  /** One sentence: object, field, value, remedy. */
  readonly text: string;
}

const shown = 10;

/** Collects what is wrong with a batch, so that its author sees everything at once. */
export class Problems {
  readonly list: ItemProblem[] = [];

  add(place: string, text: string): void {
    this.list.push({ place, text });
  }

  /**
   * Runs `read`; its INVALID_CONFIG or INVALID_ARGUMENT becomes a problem of `place`. Other errors pass.
   * @param object what the message is about, when it does not say so itself
   */
  catching<T>(place: string, read: () => T, object?: string): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!isCodedError(error, "INVALID_CONFIG") && !isCodedError(error, "INVALID_ARGUMENT")) throw error;
      this.add(place, object === undefined ? error.message : `${object}: ${error.message}`);
      return undefined;
    }
  }

  /** @throws CodedError INVALID_CONFIG, one line per problem; `details.problems` has all of them */
  throwIfAny(): void {
    if (this.list.length === 0) return;
    const lines = this.list.slice(0, shown).map(({ place, text }) => (place === "" ? text : `${place}: ${text}`));
    if (this.list.length > shown) lines.push(`and ${this.list.length - shown} more`);
    throw new CodedError("INVALID_CONFIG", lines.join("\n"), { details: { problems: this.list } });
  }
}
