import { readFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { abortError, CodedError, messageOf } from "@nsmkit/core";
import type { Dialer } from "../../tunnel.ts";
import type { TlsOptions } from "./options.ts";

/** @param where what messages call it: "10.0.0.1:9191" */
export function tcpDialer(host: string, port: number): Dialer {
  return ({ signal }) => opened(connect({ host, port }), "connect", `${host}:${port}`, signal);
}

/** TLS over what `below` opens. `alpn` is what the other side must speak. */
export function tlsDialer(below: Dialer, host: string, tls: TlsFiles, alpn: readonly string[]): Dialer {
  return async ({ signal }) => {
    const socket = connectTls({
      socket: await below({ signal }),
      ALPNProtocols: [...alpn],
      rejectUnauthorized: !tls.skipVerify,
      // An address is no server name (RFC 6066 section 3).
      ...(/^[\d.]+$|:/.test(host) ? { host } : { host, servername: host }),
      ...(tls.ca === undefined ? {} : { ca: tls.ca }),
      ...(tls.cert === undefined ? {} : { cert: tls.cert, key: tls.key }),
    });
    return opened(socket, "secureConnect", host, signal);
  };
}

export interface TlsFiles {
  readonly skipVerify: boolean;
  /** PEM */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** @throws CodedError NOT_FOUND naming the file */
export async function readTlsFiles(options: TlsOptions): Promise<TlsFiles> {
  const read = async (option: string, path: string | undefined): Promise<string | undefined> => {
    if (path === undefined) return undefined;
    return readFile(path, "utf8").catch((cause: unknown) => {
      throw new CodedError("NOT_FOUND", `${option}: ${path} cannot be read: ${messageOf(cause)}`, { cause });
    });
  };
  const [ca, cert, key] = await Promise.all([
    read("--tls-ca", options.ca),
    read("--tls-cert", options.cert),
    read("--tls-key", options.key),
  ]);
  return {
    skipVerify: options.skipVerify,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

function opened<S extends Socket | TLSSocket>(
  socket: S,
  event: string,
  where: string,
  signal: AbortSignal,
): Promise<S> {
  const { promise, resolve, reject } = Promise.withResolvers<S>();
  const onAbort = (): void => void socket.destroy(abortError(signal, `connecting to ${where}`));
  const onError = (cause: unknown): void => reject(refused(where, cause));
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  socket.once(event, () => resolve(socket));
  socket.once("error", onError);
  return promise.finally(() => {
    signal.removeEventListener("abort", onAbort);
    socket.off("error", onError);
    // Whoever uses it listens for errors of its own.
    socket.on("error", () => {});
  });
}

const certificateCodes = /^(UNABLE_TO|CERT_|SELF_SIGNED|DEPTH_ZERO|ERR_TLS_CERT)/;

function refused(where: string, cause: unknown): CodedError {
  if (cause instanceof CodedError) return cause;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  if (certificateCodes.test(code))
    return new CodedError(
      "UNAUTHENTICATED",
      `the certificate of ${where} is not trusted: ${messageOf(cause)}; give its authority with --tls-ca, or --insecure-tls`,
      { cause },
    );
  const words: Readonly<Record<string, string>> = {
    ECONNREFUSED: "connection refused",
    ENOTFOUND: "no such host",
    EAI_AGAIN: "its name cannot be resolved",
    EHOSTUNREACH: "host unreachable",
    ENETUNREACH: "network unreachable",
  };
  // Where there is a word for it, the system's own would only say it again.
  const word = words[code];
  return word === undefined
    ? new CodedError("UNAVAILABLE", `${where}: ${messageOf(cause) || code}`, { cause })
    : new CodedError("UNAVAILABLE", `${where}: ${word}`);
}
