import { messageOf } from "@nsmkit/core";
import { type Context, type Element, key } from "../../../chain/index.ts";
import { readToken, type Token } from "../../../networkservice/common/updatetoken/metadata.ts";
import type { Identity } from "../../../transport/api.ts";
import type { RegistryKind } from "../../core/kinds.ts";
import {
  emptyPath,
  enterPath,
  formatPath,
  parsePath,
  pathHeader,
  pathKey,
  type RegistryPath,
  subjectOf,
} from "./path.ts";

/** Wall-clock ms until which the tokens of caller and server allow a registration. */
export const tokensEndKey = key<number>("end of tokens");

/**
 * Takes the path of a registration from the metadata, puts in the caller's token and ours, notes both identities in
 * `path_ids`, and gives the path back in the response header. A caller without a path starts one.
 * Rules: networkservicemesh/sdk pkg/registry/common/updatepath and grpcmetadata.
 */
export function updatePathServer<K extends RegistryKind>(identity: Pick<Identity, "token">): Element<K> {
  const serve = async <T>(ctx: Context, entry: K["request"], below: (ctx: Context) => Promise<T>): Promise<T> => {
    const sent = ctx.call?.metadata.get(pathHeader)?.at(-1);
    const path = sent === undefined ? emptyPath() : parsePath(sent);
    const callers = callersToken(ctx);
    const own = await identity.token(ctx.call?.peer ?? {});
    const index = enterPath(path, callers?.token ?? "", own.token);
    notePathId(entry.pathIds, index, subjectOf(callers?.token ?? ""));
    notePathId(entry.pathIds, index + 1, subjectOf(own.token));
    const end = Math.min(own.expiresMs, callers?.expiresMs ?? Number.POSITIVE_INFINITY);
    const result = await below(ctx.with(pathKey, path).with(tokensEndKey, end));
    if (sent !== undefined) giveBack(ctx, path, index);
    return result;
  };
  return {
    name: "updatepath",
    role: "server",
    request: (ctx, entry, next) => serve(ctx, entry, (below) => next.request(below, entry)),
    close: (ctx, entry, next) => serve(ctx, entry, (below) => next.close(below, entry)),
  };
}

function giveBack(ctx: Context, path: RegistryPath, index: number): void {
  path.index = index;
  ctx.call?.setHeader(pathHeader, formatPath(path));
}

/** As upstream: an id behind the end of the list is appended, wherever it belongs. */
function notePathId(pathIds: string[], index: number, id: string): void {
  if (index >= pathIds.length) pathIds.push(id);
  else pathIds[index] = id;
}

function callersToken(ctx: Context): Token | undefined {
  if (!ctx.call) return undefined;
  try {
    return readToken(ctx.call.metadata);
  } catch (error) {
    ctx.logger.warn("caller sent no usable token", { peer: ctx.call.peer.address, reason: messageOf(error) });
    return undefined;
  }
}
