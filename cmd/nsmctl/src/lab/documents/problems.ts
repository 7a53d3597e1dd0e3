import { CodedError, messageOf } from "@nsmkit/core";

/** Collects what is wrong with the documents, so that one run names everything. */
export class Problems {
  readonly #lines: string[] = [];

  get count(): number {
    return this.#lines.length;
  }

  /** @param place `file:line`; `text` names object, field, value and remedy */
  add(place: string, text: string): void {
    // One problem is one line, also when it repeats what somebody wrote: no line breaks, no terminal escapes.
    const line = `${place}: ${text}`.replaceAll(/\p{Cc}/gu, (c) =>
      JSON.stringify(c)
        .slice(1, -1)
        .replace(/^[^\\]$/, "?"),
    );
    if (!this.#lines.includes(line)) this.#lines.push(line);
  }

  /** What `work` returns; the CodedError that it throws becomes a problem at `place`. */
  catching<T>(place: string, work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      this.add(place, messageOf(error));
      return undefined;
    }
  }

  /** @throws CodedError INVALID_CONFIG, one line per problem, also in `details.problems` */
  throwIfAny(): void {
    if (this.#lines.length === 0) return;
    throw new CodedError("INVALID_CONFIG", this.#lines.join("\n"), { details: { problems: [...this.#lines] } });
  }
}
