import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { connect, createSecureContext, type DetailedPeerCertificate, type SecureContext, TLSSocket } from "node:tls";
import { abortError, CodedError, isCodedError, messageOf } from "@nsmkit/core";
import type { ClientTls, Peer, ServerTls, TlsSource } from "./api.ts";

/** gRPC peers insist on it, RFC 7301. */
const alpn = ["h2"];

/** What a handshake tells of the peer. */
export type PeerCertificates = Required<Pick<Peer, "spiffeId" | "certificate" | "localCertificate">>;

export interface Secured {
  readonly socket: TLSSocket;
  readonly certificates: PeerCertificates;
}

/**
 * Runs TLS over a connected byte stream, as its client. Whoever is at the other end has an id that the roots vouch for;
 * there are no host names in a mesh.
 * @throws UNAUTHENTICATED when the peer's certificate is not acceptable; UNAVAILABLE when the handshake breaks
 */
export async function secureClient(
  duplex: Duplex,
  tls: TlsSource,
  options: { address: string; signal: AbortSignal },
): Promise<Secured> {
  let refused: unknown;
  const socket = connect({
    socket: duplex,
    secureContext: tls.secureContext(),
    ALPNProtocols: alpn,
    rejectUnauthorized: true,
    checkServerIdentity: (_host, leaf) => {
      try {
        tls.verifyPeer(leaf as DetailedPeerCertificate);
        return undefined;
      } catch (error) {
        refused = error;
        return new Error(messageOf(error));
      }
    },
  });
  await handshake(socket, duplex, "secureConnect", options, () => refused);
  return finish(socket, tls);
}

/**
 * Runs TLS as the client of a server outside the mesh, whose certificate must be for the host that was dialled.
 * @returns with the server's certificate, DER
 * @throws UNAUTHENTICATED when the certificate is not acceptable; UNAVAILABLE when the handshake breaks
 */
export async function secureToServer(
  duplex: Duplex,
  tls: ServerTls,
  options: { host: string; address: string; signal: AbortSignal },
): Promise<{ socket: TLSSocket; certificate: Uint8Array }> {
  const { host } = options;
  const socket = connect({
    socket: duplex,
    secureContext: tls.secureContext,
    ALPNProtocols: alpn,
    rejectUnauthorized: !tls.skipVerify,
    // What the certificate is compared with. An address is no name to ask for, RFC 6066 section 3.
    host,
    ...(isIP(host) ? {} : { servername: host }),
  });
  await handshake(socket, duplex, "secureConnect", options, () => undefined);
  expectHttp2(socket, options.address);
  return { socket, certificate: socket.getPeerCertificate().raw };
}

/** As `secureClient`, for the side that accepted the connection; a client without a certificate is refused. */
export async function secureServer(
  duplex: Duplex,
  tls: TlsSource,
  options: { address: string; signal: AbortSignal },
): Promise<Secured> {
  return finish(await acceptTls(duplex, { secureContext: tls.secureContext(), askClient: true }, options), tls);
}

/** What is made once of `ClientTls`. */
export interface ClientTlsContext {
  readonly secureContext: SecureContext;
  readonly askClient: boolean;
}

/** @throws INVALID_ARGUMENT when certificate, key and authorities cannot be read or do not go together */
export function clientTlsContext({ cert, key, clientCas }: ClientTls): ClientTlsContext {
  try {
    // Node takes no notice of an authority that is none; nobody would get in, and nobody be told why.
    for (const authority of clientCas ?? []) new X509Certificate(authority);
    const secureContext = createSecureContext({
      cert,
      key,
      minVersion: "TLSv1.2",
      // Without a name of its own OpenSSL ends the handshake of a client that was asked for a certificate and resumes.
      sessionIdContext: "nsmkit",
      ...(clientCas ? { ca: [...clientCas] } : {}),
    });
    return { secureContext, askClient: clientCas !== undefined };
  } catch (cause) {
    throw new CodedError("INVALID_ARGUMENT", `TLS for clients cannot be set up: ${messageOf(cause)}`, { cause });
  }
}

/**
 * Runs TLS as the server of clients outside the mesh.
 * @returns with the client's certificate, DER, if it was asked for one
 * @throws UNAUTHENTICATED when the certificate is not acceptable; UNAVAILABLE when the handshake breaks
 */
export async function secureFromClient(
  duplex: Duplex,
  tls: ClientTlsContext,
  options: { address: string; signal: AbortSignal },
): Promise<{ socket: TLSSocket; certificate?: Uint8Array }> {
  const socket = await acceptTls(duplex, tls, options);
  expectHttp2(socket, options.address);
  if (!tls.askClient) return { socket };
  const { raw } = socket.getPeerCertificate();
  if (raw) return { socket, certificate: raw };
  socket.destroy();
  throw new CodedError("UNAUTHENTICATED", `${options.address} showed no certificate`);
}

async function acceptTls(
  duplex: Duplex,
  { secureContext, askClient }: ClientTlsContext,
  options: { address: string; signal: AbortSignal },
): Promise<TLSSocket> {
  const socket = new TLSSocket(duplex, {
    isServer: true,
    secureContext,
    requestCert: askClient,
    rejectUnauthorized: askClient,
    ALPNProtocols: alpn,
  });
  // A socket that no tls.Server made announces its handshake by this event and leaves the verdict to us.
  await handshake(socket, duplex, "secure", options, () => undefined);
  const verdict = askClient ? verdictOf(socket) : undefined;
  if (!verdict) return socket;
  socket.destroy();
  throw untrusted(options.address, verdict);
}

function expectHttp2(socket: TLSSocket, address: string): void {
  if (socket.alpnProtocol === "h2") return;
  socket.destroy();
  throw new CodedError("UNAUTHENTICATED", `${address} does not speak HTTP/2 (no ALPN h2)`);
}

async function handshake(
  socket: TLSSocket,
  duplex: Duplex,
  done: "secure" | "secureConnect",
  options: { address: string; signal: AbortSignal },
  refusal: () => unknown,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let cause: unknown;
  const onError = (error: unknown): void => {
    cause ??= error;
  };
  const onAbort = (): void => reject(abortError(options.signal, `the TLS handshake with ${options.address}`));
  const onClose = (): void => reject(broken(options.address, refusal(), cause));
  if (options.signal.aborted) onAbort();
  options.signal.addEventListener("abort", onAbort, { once: true });
  socket.once(done, resolve);
  socket.on("error", onError);
  socket.on("_tlsError", onError);
  duplex.on("error", onError);
  socket.once("close", onClose);
  // TLS waits on for more after the end of a stream that is no net.Socket. It may still say why the stream ended.
  const onStreamOver = (): void => void setImmediate(onClose);
  duplex.once("end", onStreamOver);
  duplex.once("close", onStreamOver);
  try {
    await promise;
  } catch (error) {
    // Errors may still come out of what is being taken down.
    socket.on("error", () => {});
    duplex.on("error", () => {});
    socket.destroy();
    duplex.destroy();
    throw error;
  } finally {
    options.signal.removeEventListener("abort", onAbort);
    socket.off(done, resolve);
    socket.off("close", onClose);
    duplex.off("end", onStreamOver);
    duplex.off("close", onStreamOver);
    socket.off("_tlsError", onError);
    socket.off("error", onError);
  }
}

/** Why OpenSSL does not trust the client; undefined when it does. Not public API of Node: see secure.test.ts. */
function verdictOf(socket: TLSSocket): Error | undefined {
  const handle: unknown = "_handle" in socket ? socket._handle : undefined;
  const verifyError: unknown =
    typeof handle === "object" && handle !== null && "verifyError" in handle ? handle.verifyError : undefined;
  if (typeof verifyError !== "function") {
    return new Error(`Node ${process.version} does not tell whether a client's certificate is trusted`);
  }
  const verdict: unknown = verifyError.call(handle);
  if (verdict === undefined || verdict === null) return undefined;
  return verdict instanceof Error ? verdict : new Error(String(verdict));
}

function broken(address: string, refusal: unknown, cause: unknown): CodedError {
  if (isCodedError(refusal)) return refusal;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  if (cause instanceof Error && certificateCodes.test(code)) return untrusted(address, cause);
  const why = cause === undefined ? "the peer closed the connection" : reasonOf(cause);
  return new CodedError("UNAVAILABLE", `the TLS handshake with ${address} failed: ${why}`, { cause });
}

/** OpenSSL's messages name its source lines; what matters is the reason. */
function reasonOf(cause: unknown): string {
  const reason: unknown = cause instanceof Error && "reason" in cause ? cause.reason : undefined;
  return typeof reason === "string" && reason !== "" ? reason : messageOf(cause);
}

/** Codes of Node for a chain that does not verify: X509_verify_cert_error_string(3) without X509_V_ERR_. */
const certificateCodes =
  /^(?:UNABLE_TO|CERT_|ERR_TLS_CERT_|SELF_SIGNED|DEPTH_ZERO|INVALID_(?:CA|PURPOSE)|PATH_LENGTH|CRL_|ERROR_IN_CERT)/;

function untrusted(address: string, cause: Error): CodedError {
  const code = "code" in cause ? ` (${String(cause.code)})` : "";
  return new CodedError("UNAUTHENTICATED", `the certificate of ${address} is not trusted: ${cause.message}${code}`, {
    cause,
  });
}

function finish(socket: TLSSocket, tls: TlsSource): Secured {
  try {
    if (socket.alpnProtocol !== "h2") {
      throw new CodedError("UNAUTHENTICATED", "the peer does not speak HTTP/2 (no ALPN h2)");
    }
    const leaf = socket.getPeerCertificate(true);
    const own = socket.getCertificate();
    if (!leaf.raw) throw new CodedError("UNAUTHENTICATED", "the peer showed no certificate");
    if (!own || !("raw" in own)) throw new CodedError("INTERNAL", "our own certificate is not known to the connection");
    const { spiffeId } = tls.verifyPeer(leaf);
    return { socket, certificates: { spiffeId, certificate: leaf.raw, localCertificate: own.raw } };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}
