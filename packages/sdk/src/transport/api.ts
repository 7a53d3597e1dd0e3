import type { DetailedPeerCertificate, SecureContext } from "node:tls";
import type {
  DescMessage,
  DescMethod,
  DescMethodBiDiStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import type { Closable, Logger } from "@nsmkit/core";
import type { GrpcStatusName } from "./status.ts";

/** gRPC metadata, lower-case ASCII keys. A key that must occur exactly once and does not is the reader's error to raise. */
export type Metadata = ReadonlyMap<string, readonly string[]>;

/** A file that arrived over the socket, held open until `close`. */
export interface ReceivedFile extends Closable {
  /** `/proc/<own pid>/fd/<n>`: valid for this process and for who shares its pid namespace, until `close`. */
  readonly path: string;
  readonly inodeUrl: string;
}

/**
 * Passes open files beside the messages of one unix connection (SCM_RIGHTS, below TLS).
 * On the wire: facts of edwarnicke/grpcfd, one data byte and one descriptor a sendmsg.
 */
export interface FileTransceiver {
  /** Opens `path` with O_PATH and queues it with the next outgoing bytes. @returns `inode://<st_dev>/<st_ino>` */
  send(path: string): Promise<string>;
  /** Waits for the file that `inodeUrl` names, before or after its message. Each call gives a descriptor of its own. */
  receive(inodeUrl: string, options: { signal: AbortSignal }): Promise<ReceivedFile>;
}

/** Who is at the other end of a connection. */
export interface Peer {
  readonly transport: "unix" | "tcp";
  /** For logs: socket path or address. */
  readonly address: string;
  /** From the TLS certificate; undefined in insecure mode. */
  readonly spiffeId?: string;
  /** DER of the peer's leaf certificate; undefined in insecure mode, and of a client that was not asked for one. */
  readonly certificate?: Uint8Array;
  /** DER of our own leaf certificate on this connection: tokens for it are signed with that key. Undefined in insecure mode. */
  readonly localCertificate?: Uint8Array;
  /** SO_PEERCRED of a unix connection. */
  readonly credentials?: { readonly pid: number; readonly uid: number; readonly gid: number };
  /** Only on unix connections between members of a mesh. */
  readonly files?: FileTransceiver;
}

export interface CallOptions {
  /** Ends the call; a deadline is a signal made by `AbortSignal.timeout`, and `timeoutMs` tells the server of it. */
  readonly signal?: AbortSignal;
  /** Sent as the gRPC deadline, ms from now. */
  readonly timeoutMs?: number;
  /** A function when it depends on who answers, as a token does: asked for each connection that the call is tried on. */
  readonly metadata?: Metadata | ((peer: Peer) => Metadata | Promise<Metadata>);
  /**
   * Paths of files that go with the call, on the very connection that carries it (a channel reconnects by itself, so
   * `(await ready()).files` may be another one). The request names them by `inodeUrl(path)`. Ignored over TCP.
   */
  readonly files?: readonly string[];
  /** Told of the connection that carries the call, just before its headers leave; again if the call moves to another one. */
  readonly onPeer?: (peer: Peer) => void;
}

/** A client connection to one server. Calls share it; it reconnects by itself until closed. */
export interface Channel extends Closable {
  readonly target: string;
  /** Resolves when connected. @throws UNAVAILABLE, DEADLINE_EXCEEDED */
  ready(options: { signal: AbortSignal }): Promise<Peer>;
  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageShape<I>,
    options?: CallOptions,
  ): Promise<{ message: MessageShape<O>; header: Metadata; peer: Peer }>;
  serverStream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageShape<I>,
    options?: CallOptions,
  ): AsyncIterable<MessageShape<O>>;
  bidiStream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodBiDiStreaming<I, O>,
    requests: AsyncIterable<MessageShape<I>>,
    options?: CallOptions,
  ): AsyncIterable<MessageShape<O>>;
}

/** What a handler knows of the call it serves. */
export interface ServerCall {
  /** Cancelled when the client went away, its deadline passed, or the server is destroyed. */
  readonly signal: AbortSignal;
  /** Wall-clock ms at which the client stops waiting, if it said so. */
  readonly deadlineMs?: number;
  readonly metadata: Metadata;
  readonly peer: Peer;
  /** Adds a response header; must be called before the reply or the first streamed message. */
  setHeader(key: string, value: string): void;
}

/** One handler per method of a gRPC service, named as in the descriptor (`request`, `monitorConnections`, ...). */
export type ServiceHandlers<S extends DescService> = {
  [M in keyof S["method"]]: S["method"][M] extends DescMethodUnary<infer I, infer O>
    ? (request: MessageShape<I>, call: ServerCall) => Promise<MessageInitShape<O>>
    : S["method"][M] extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageShape<I>, call: ServerCall) => AsyncIterable<MessageInitShape<O>>
      : S["method"][M] extends DescMethodBiDiStreaming<infer I, infer O>
        ? (requests: AsyncIterable<MessageShape<I>>, call: ServerCall) => AsyncIterable<MessageInitShape<O>>
        : never;
};

export interface ServiceBinding {
  readonly service: DescService;
  readonly handlers: Readonly<Record<string, unknown>>;
}

/** Certificate, key and trust for new connections. What it returns changes when the identity rotates. */
export interface TlsSource {
  /** One object per rotation. */
  secureContext(): SecureContext;
  /** Checks a verified chain's SPIFFE id. @throws UNAUTHENTICATED saying what is wrong with it */
  verifyPeer(leaf: DetailedPeerCertificate): { spiffeId: string };
  /** Told after each rotation. @returns stops that */
  onRotated(listener: () => void): () => void;
}

/** Who we are: decides TLS and tokens. Made by `insecureIdentity()` or `spiffeIdentity()`. */
export interface Identity extends Closable {
  readonly mode: "insecure" | "spiffe";
  /** `spiffe://<trust domain>/<path>`; in insecure mode one derived from the program's name, so that tokens read alike. */
  readonly spiffeId: string;
  /** Undefined in insecure mode. */
  readonly tls?: TlsSource;
  /**
   * A JWT for one peer: `sub` = our id, `aud` = [peer's id], `exp` = min(now + life, our certificate's end); `expiresMs` is that, or
   * the peer's certificate's end if it comes first. Signed ES256 with the SVID key; in insecure mode unsigned (RFC 7519 section 6). Cached for a while per peer.
   */
  token(
    peer: Pick<Peer, "spiffeId" | "certificate" | "localCertificate">,
  ): Promise<{ token: string; expiresMs: number }>;
}

/** TLS with a server outside the mesh, which proves a host name and no SPIFFE id. */
export interface ServerTls {
  /** Whom to trust, and our own certificate if the server wants one. */
  readonly secureContext: SecureContext;
  /** Take any certificate; default false. */
  readonly skipVerify?: boolean;
}

export interface DialOptions {
  readonly identity: Identity;
  /** In place of the identity's TLS, for a server outside the mesh. The peer then has no `spiffeId`. */
  readonly serverTls?: ServerTls;
  readonly logger?: Logger;
  /** Largest reply that is taken, bytes; default 4 MiB, gRPC's usual limit. */
  readonly maxMessageBytes?: number;
  /** Bound for one connection attempt, ms; default 750 (NSM_DIAL_TIMEOUT of nsmgr and forwarder). */
  readonly dialTimeoutMs?: number;
}

/** `unix:///path`, `unix://@abstract`, `tcp://host:port`. */
export type Dial = (target: string, options: DialOptions) => Channel;

/** TLS with clients outside the mesh: a certificate for host names, and no SPIFFE id of either side. PEM texts. */
export interface ClientTls {
  /** Our certificate, and what is between it and its root. */
  readonly cert: string;
  readonly key: string;
  /** Only clients with a certificate of one of these are served; undefined: clients are not asked for one. */
  readonly clientCas?: readonly string[];
}

/** How a call ended. */
export interface CallResult {
  /** What the client was told; CANCELLED when it left before. */
  readonly status: GrpcStatusName;
  /** From its headers until its answer, s. */
  readonly seconds: number;
  /** Messages, not bytes. */
  readonly received: number;
  readonly sent: number;
}

/** Told of each call of a method that is served, for metrics. It must not throw. */
export interface CallObserver {
  started(method: DescMethod): void;
  /** Comes once for each `started`. */
  ended(method: DescMethod, result: CallResult): void;
}

export interface ListenOptions {
  /** Whose certificate is shown and whose peers are served; in insecure mode connections are in the clear. */
  readonly identity: Pick<Identity, "tls">;
  /** In place of the identity's TLS, for clients outside the mesh. */
  readonly clientTls?: ClientTls;
  readonly services: readonly ServiceBinding[];
  readonly logger?: Logger;
  /** Mode of unix sockets; default 0o777, as upstream's nsmgr does. A stale socket file is removed, a live one is ALREADY_EXISTS. */
  readonly socketMode?: number;
  /** Take the place of a unix socket even if another program serves it; default false. */
  readonly takeOver?: boolean;
  /** Take the files that clients send over unix sockets; default true, never with `clientTls`. Without, `Peer` has neither files nor credentials. */
  readonly files?: boolean;
  /** An IPv6 URL serves no IPv4 clients, not even with `[::]`; default false. */
  readonly ipv6Only?: boolean;
  /** Connections at a time on each URL; more are closed at once. Default: as many as come. */
  readonly maxConnections?: number;
  /** Calls of one connection at a time, 1 or more; default 50,000. */
  readonly maxConcurrentStreams?: number;
  /** Largest request that is taken, bytes; default 4 MiB, gRPC's usual limit. Above it: RESOURCE_EXHAUSTED. */
  readonly maxMessageBytes?: number;
  /** Added to the error of a request above the limit: what to do about it, such as "raise max-msg-size". */
  readonly maxMessageRemedy?: string;
  /** How long a client may take for its TLS handshake, and then to begin with HTTP/2, ms; default 10,000. */
  readonly handshakeTimeoutMs?: number;
  /** How long `close` waits for calls and clients before it becomes `destroy`, ms; default: as long as they take. */
  readonly closeTimeoutMs?: number;
  readonly observer?: CallObserver;
}

export interface Server extends Closable {
  /** The listen URLs with real ports. */
  readonly urls: readonly string[];
  /** Cuts calls and connections at once, telling clients as far as they read; `close` lets running unary calls finish first and ends streams. */
  destroy(): Promise<void>;
}

export type Listen = (urls: readonly string[], options: ListenOptions) => Promise<Server>;
