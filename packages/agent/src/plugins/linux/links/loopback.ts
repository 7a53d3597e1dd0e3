import { CodedError, isCodedError } from "@nsmkit/core";
import type { LinuxContext } from "../context.ts";
import type { LinkKind } from "./kind.ts";

/** The `lo` of a namespace. It cannot be made or deleted, so it is marked while declared and unmarked afterwards. */
export function loopbackLink({ mark }: LinuxContext): LinkKind {
  return {
    defaultMtu: 65_536,
    alias: (value) => mark.alias(value.name),
    dependencies: () => [],
    async create(value, { handle }, options) {
      const link = await handle.linkGet("lo", options);
      const owner = mark.parse(link.alias)?.[0];
      if (owner === undefined || owner === value.name) return link;
      throw new CodedError(
        "ALREADY_EXISTS",
        `the loopback of this namespace is already declared as interface "${owner}"; declare it once`,
        { retryable: false },
      );
    },
    async delete(value, { handle }, options) {
      try {
        const link = await handle.linkGet("lo", options);
        if (link.alias === mark.alias(value.name)) await handle.linkSet(link.index, { alias: "" }, options);
      } catch (error) {
        if (!isCodedError(error, "NOT_FOUND")) throw error;
      }
    },
  };
}
