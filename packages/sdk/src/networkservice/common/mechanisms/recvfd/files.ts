import type { Mechanism } from "@nsmkit/api/networkservice";
import { CodedError } from "@nsmkit/core";
import type { Context } from "../../../../chain/context.ts";
import { type Key, key } from "../../../../chain/key.ts";
import type { FileTransceiver } from "../../../../transport/api.ts";
import { parameter } from "../types.ts";
import { type FileShare, shareFile } from "./shared.ts";

export const fileOf = (mechanism: Mechanism | undefined): string | undefined =>
  mechanism?.parameters[parameter.inodeUrl];

/** @throws the code, for a mechanism of a peer that names a file of ours by its path */
export function refusePath(mechanism: Mechanism | undefined, code: "INVALID_ARGUMENT" | "PROTOCOL"): void {
  const url = fileOf(mechanism);
  if (url?.startsWith("file:"))
    throw new CodedError(
      code,
      `mechanism parameter ${parameter.inodeUrl} is ${JSON.stringify(url.slice(0, 80))}; pass the file itself over the unix socket and name it inode://<device>/<inode>`,
    );
}

/** Files that one connection holds open, so that the path in a message stays the same from request to request. */
export class HeldFiles {
  readonly #byInode = new Map<string, FileShare>();

  get size(): number {
    return this.#byInode.size;
  }

  /** Puts the path of the received file in place of an `inode://` URL; other URLs stay. @throws INVALID_ARGUMENT, DEADLINE_EXCEEDED */
  async toPath(ctx: Context, files: FileTransceiver, mechanism: Mechanism | undefined): Promise<void> {
    const url = mechanism?.parameters[parameter.inodeUrl];
    if (!mechanism || !url?.startsWith("inode:")) return;
    if (!/^inode:\/\/\d{1,20}\/\d{1,20}$/.test(url))
      throw new CodedError("INVALID_ARGUMENT", `${JSON.stringify(url)} is no URL of the form inode://<device>/<inode>`);
    const file = this.#byInode.get(url) ?? (await shareFile(ctx, files, url));
    this.#byInode.set(url, file);
    mechanism.parameters[parameter.inodeUrl] = `file://${file.path}`;
  }

  /** The way back for what the peer sent: its own URL for one of our paths. @returns that URL */
  toInode(mechanism: Mechanism | undefined): string | undefined {
    const url = mechanism?.parameters[parameter.inodeUrl];
    for (const [inodeUrl, file] of this.#byInode) {
      if (!mechanism || url !== `file://${file.path}`) continue;
      mechanism.parameters[parameter.inodeUrl] = inodeUrl;
      return inodeUrl;
    }
    return undefined;
  }

  /** Closes the files of preferences that were not chosen. */
  keepOnly(inodeUrl: string): void {
    for (const [url, file] of this.#byInode) {
      if (url === inodeUrl) continue;
      this.#byInode.delete(url);
      file.release();
    }
  }

  release(): void {
    for (const file of this.#byInode.values()) file.release();
    this.#byInode.clear();
  }
}

export const heldFilesKey = (side: string): Key<HeldFiles> => key(`files of the ${side}`, (files) => files.release());
