import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type NetworkServiceEndpoint, NetworkServiceEndpointSchema, NetworkServiceSchema } from "@nsmkit/api/registry";
import type { Clock } from "@nsmkit/core";
import { Context, type Handler } from "../../chain/index.ts";
import { writeToken } from "../../networkservice/common/updatetoken/metadata.ts";
import type { FileTransceiver, Identity, Peer, ReceivedFile, ServerCall } from "../../transport/index.ts";
import { type NseKind, nseRules, type RegistryKind } from "../core/kinds.ts";

export const endpoint = (init: MessageInitShape<typeof NetworkServiceEndpointSchema>) =>
  create(NetworkServiceEndpointSchema, init);
export const service = (init: MessageInitShape<typeof NetworkServiceSchema>) => create(NetworkServiceSchema, init);

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** An unsigned token that says who holds it. */
export const tokenOf = (sub: string): string => `${part({ alg: "none" })}.${part({ sub })}.`;

/** An identity whose tokens say its id and last for `lifeMs`. */
export function fakeIdentity(id: string, clock: Clock, lifeMs = 600_000): Pick<Identity, "token"> {
  return { token: async () => ({ token: tokenOf(id), expiresMs: clock.now() + lifeMs }) };
}

export interface FakeCall extends ServerCall {
  readonly headers: Map<string, string>;
}

/** A call as a server receives it. @param from identity of the caller, which sends its token; undefined: it sends none */
export function fakeCall(
  options: {
    readonly from?: string;
    readonly tokenEndsMs?: number;
    readonly path?: string;
    readonly signal?: AbortSignal;
    readonly files?: FileTransceiver;
  } = {},
): FakeCall {
  const { from, tokenEndsMs = 600_000, path, files } = options;
  const metadata = new Map<string, readonly string[]>();
  if (from !== undefined)
    for (const [key, values] of writeToken({ token: tokenOf(from), expiresMs: tokenEndsMs })) metadata.set(key, values);
  if (path !== undefined) metadata.set("path", [path]);
  const peer: Peer = { transport: "unix", address: "unix:///test", ...(files && { files }) };
  const headers = new Map<string, string>();
  const signal = options.signal ?? new AbortController().signal;
  return { signal, metadata, peer, headers, setHeader: (key, value) => void headers.set(key, value) };
}

export const contextFor = (clock: Clock, call: ServerCall = fakeCall()): Context =>
  new Context({ signal: call.signal, clock, call });

/** What a Find of this moment gives, as `name` or `-name` when deleted. */
export async function found<K extends RegistryKind>(
  handler: Handler<K>,
  ctx: Context,
  query: K["query"],
  entry: (found: K["found"]) => K["request"] | undefined,
): Promise<K["request"][]> {
  const entries: K["request"][] = [];
  for await (const each of handler.find(ctx, query)) {
    const value = entry(each);
    if (value) entries.push(value);
  }
  return entries;
}

export const foundEndpoints = (
  handler: Handler<NseKind>,
  ctx: Context,
  pattern: MessageInitShape<typeof NetworkServiceEndpointSchema> = {},
): Promise<NetworkServiceEndpoint[]> => found(handler, ctx, nseRules.query(endpoint(pattern), false), nseRules.entry);

/** Files by path on one side, by inode URL on the other; counts what is open. */
export class FakeFiles implements FileTransceiver {
  readonly #paths = new Map<string, string>();
  readonly open = new Set<string>();
  received = 0;

  async send(path: string): Promise<string> {
    if (path.includes("gone")) throw new Error("no such file");
    const inodeUrl = `inode://1/${this.#paths.size + 1}`;
    for (const [known, knownPath] of this.#paths) if (knownPath === path) return known;
    this.#paths.set(inodeUrl, path);
    return inodeUrl;
  }

  async receive(inodeUrl: string): Promise<ReceivedFile> {
    const path = `/proc/1/fd/${100 + this.received++}`;
    this.open.add(path);
    const close = async (): Promise<void> => void this.open.delete(path);
    return { path, inodeUrl, close, [Symbol.asyncDispose]: close };
  }
}
