/** How one call ended. */
export interface Outcome {
  /** From when it was started. */
  readonly ms: number;
  readonly error?: unknown;
}

/** Calls `call(0..count-1)`, `inFlight` at a time. @returns outcomes by index, and how long it took in all */
export async function inFlight(
  count: number,
  limit: number,
  call: (index: number) => Promise<unknown>,
): Promise<{ readonly outcomes: readonly Outcome[]; readonly seconds: number }> {
  const outcomes: Outcome[] = new Array(count);
  let next = 0;
  const began = performance.now();
  const worker = async (): Promise<void> => {
    while (next < count) {
      const index = next++;
      const start = performance.now();
      try {
        await call(index);
        outcomes[index] = { ms: performance.now() - start };
      } catch (error) {
        outcomes[index] = { ms: performance.now() - start, error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, count) }, worker));
  return { outcomes, seconds: (performance.now() - began) / 1000 };
}
