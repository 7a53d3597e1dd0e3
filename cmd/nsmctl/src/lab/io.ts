/** What a command is given of the process it runs in; tests pass their own. */
export interface CommandIo {
  readonly env: NodeJS.ProcessEnv;
  readonly uid: number;
  readonly stdout: { write(text: string): unknown; readonly columns?: number; readonly isTTY?: boolean };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean };
  /** Cancelled by Ctrl-C. */
  readonly signal: AbortSignal;
  /** Absolute path of nsmctl's own entry file. */
  readonly program: string;
}

export const exitCodes = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;
