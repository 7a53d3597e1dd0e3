import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CodedError, isCodedError, messageOf } from "@nsmkit/core";
import { strToU8, zipSync } from "fflate";
import type { Session } from "../connection/session.ts";
import { redact, redactText } from "../view/redact.ts";
import { etcdPart, type ReportPart, reportParts } from "./parts.ts";

export interface Report {
  readonly path: string;
  readonly failed: readonly Missing[];
}

export interface Missing {
  readonly part: string;
  readonly why: string;
  /** The agent has no such thing at all. */
  readonly unserved: boolean;
}

/**
 * Reads every part that can be had and writes them into one zip.
 * @throws CodedError UNAVAILABLE when the agent does not answer at all, NOT_FOUND for a folder that is not there
 */
export async function writeReport(session: Session, directory: string): Promise<Report> {
  const startedMs = Date.now();
  // An agent that is not there would fail each part after its time-out.
  await session.http.ask("GET", "/readiness");
  const files: Record<string, Uint8Array> = {};
  const failed: Missing[] = [];
  const parts = session.namesEtcd ? [...reportParts, etcdPart] : reportParts;
  for (const part of parts) {
    try {
      files[part.file] = strToU8(contentOf(await part.read(session)));
    } catch (error) {
      if (isCodedError(error, "ABORTED")) throw error;
      failed.push({ part: part.file, why: redactText(messageOf(error)), unserved: isCodedError(error, "UNSUPPORTED") });
    }
  }
  files["_report.txt"] = strToU8(contents(session, parts, startedMs));
  if (failed.length > 0) files["_failed.txt"] = strToU8(failed.map(({ part, why }) => `${part}: ${why}\n`).join(""));
  const time = new Date(startedMs).toISOString().replaceAll(/[:.]/g, "-");
  const who = (session.givenLabel ?? session.options.host).replaceAll(/[^A-Za-z0-9._-]/g, "_");
  const path = join(directory, `agent-report-${who}-${time}.zip`);
  await writeFile(path, zipSync(files)).catch((cause: unknown) => {
    throw new CodedError("NOT_FOUND", `${path} cannot be written: ${messageOf(cause)}; choose -o`, { cause });
  });
  return { path, failed };
}

function contentOf(value: unknown): string {
  return typeof value === "string" ? redactText(value) : `${JSON.stringify(redact(value), null, 2)}\n`;
}

function contents(session: Session, parts: readonly ReportPart[], startedMs: number): string {
  const lines = parts.map(({ file, what }) => `  ${file.padEnd(20)} ${what}`);
  return [
    `Report of the agent at ${session.place}${session.givenLabel ? `, label ${session.givenLabel}` : ""}`,
    `made by nsmctl at ${new Date(startedMs).toISOString()}`,
    "",
    ...lines,
    "",
    "Keys, secrets and passwords were taken out. What could not be had is in _failed.txt, if there is one.",
    "",
  ].join("\n");
}
