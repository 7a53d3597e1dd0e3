import assert from "node:assert/strict";
import { isCodedError } from "@nsmkit/core";
import { etcdMissing } from "./server.ts";

const missing = etcdMissing();
/** Options of tests that need a server. */
export const skip = missing ? { skip: missing } : {};

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export const coded = (code: Parameters<typeof isCodedError>[1]) => (error: unknown) => isCodedError(error, code);

export async function until(what: string, holds: () => boolean | Promise<boolean>, ms = 15_000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await holds())) {
    assert.ok(performance.now() < deadline, `${what}: not within ${ms} ms`);
    await pause(20);
  }
}
