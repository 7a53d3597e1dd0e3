import { abortable } from "@nsmkit/core";
import { bounded } from "../../../../chain/bounded.ts";
import type { Context } from "../../../../chain/context.ts";
import type { FileTransceiver, ReceivedFile } from "../../../../transport/api.ts";

/** How long a file may come after the message that names it, ms. A peer that never sends it must not hold the call. */
const receiveTimeoutMs = 5_000;

interface Entry {
  readonly file: Promise<ReceivedFile>;
  users: number;
}

/** One share in an open file. */
export interface FileShare {
  readonly path: string;
  release(): void;
}

const entries = new WeakMap<FileTransceiver, Map<string, Entry>>();

/**
 * A file that arrived over a socket, opened once for all connections that name it: a thousand connections of one
 * client hold one descriptor of its network namespace.
 * @throws DEADLINE_EXCEEDED when the peer names a file and does not send it
 */
export async function shareFile(ctx: Context, files: FileTransceiver, url: string): Promise<FileShare> {
  const byUrl = entries.get(files) ?? new Map<string, Entry>();
  entries.set(files, byUrl);
  const entry = byUrl.get(url) ?? { file: receive(ctx, files, url), users: 0 };
  byUrl.set(url, entry);
  entry.users++;
  const leave = (): void => {
    entry.users--;
    if (entry.users > 0) return;
    if (byUrl.get(url) === entry) byUrl.delete(url);
    entry.file.then(
      (file) => file.close(),
      () => {},
    );
  };
  try {
    const { path } = await abortable(entry.file, ctx.signal, `waiting for the file ${url}`);
    let released = false;
    const release = (): void => {
      if (!released) leave();
      released = true;
    };
    return { path, release };
  } catch (error) {
    if (byUrl.get(url) === entry) byUrl.delete(url);
    leave();
    throw error;
  }
}

/** Not bound to the call that comes first: others may wait for the same file. */
async function receive(ctx: Context, files: FileTransceiver, url: string): Promise<ReceivedFile> {
  using time = bounded(ctx.clock, receiveTimeoutMs, `waiting for the file ${url}`);
  return await files.receive(url, { signal: time.signal });
}
