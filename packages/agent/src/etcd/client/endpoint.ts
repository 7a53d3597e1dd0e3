import { createSecureContext } from "node:tls";
import { CodedError, isCodedError, messageOf } from "@nsmkit/core";
import { parseTarget, type ServerTls } from "@nsmkit/sdk/transport";
import type { EtcdOptions } from "../api.ts";

/** One server to dial. */
export interface Endpoint {
  /** As our transport writes it: `tcp://host:port`, `unix:///path`. */
  readonly target: string;
  readonly tls?: ServerTls;
}

/**
 * Reads the addresses of etcd's members, in the forms that clients of etcd take.
 * @throws CodedError INVALID_ARGUMENT naming the endpoint or the certificate, and what is wrong with it
 */
export function readEndpoints(options: Pick<EtcdOptions, "endpoints" | "tls">): Endpoint[] {
  if (options.endpoints.length === 0) throw new CodedError("INVALID_ARGUMENT", "etcd: no endpoint is given");
  let tls: ServerTls | undefined;
  return options.endpoints.map((text) => {
    const { target, scheme } = split(text.trim());
    parse(text, target);
    const secure = scheme === "https" || scheme === "unixs" || (scheme === "" && options.tls !== undefined);
    if (!secure) return { target };
    tls ??= serverTls(options.tls);
    return { target, tls };
  });
}

function split(text: string): { target: string; scheme: string } {
  const match = /^(https?|unixs?):(?:\/\/)?(.*)$/s.exec(text);
  if (!match) return { target: `tcp://${text}`, scheme: "" };
  const [, scheme = "", rest = ""] = match;
  if (scheme.startsWith("unix")) {
    // etcd itself writes unix://host:port for a socket file of that name in the working directory.
    const path = rest.startsWith("/") || rest.startsWith("@") ? `unix://${rest}` : `unix:${rest}`;
    return { target: path, scheme };
  }
  return { target: `tcp://${rest}`, scheme };
}

function parse(text: string, target: string): void {
  try {
    const parsed = parseTarget(target);
    if (parsed.transport === "tcp" && parsed.host === "")
      throw new CodedError("INVALID_ARGUMENT", "the host is missing");
    if (parsed.transport === "tcp" && parsed.port === 0) throw new CodedError("INVALID_ARGUMENT", "port 0 is no port");
  } catch (cause) {
    if (!isCodedError(cause, "INVALID_ARGUMENT")) throw cause;
    throw new CodedError(
      "INVALID_ARGUMENT",
      `etcd endpoint ${JSON.stringify(text.slice(0, 200))} is no address; write host:port, http://host:port, https://host:port or unix:///path`,
      { cause },
    );
  }
}

function serverTls(tls: EtcdOptions["tls"] = {}): ServerTls {
  const { ca, cert, key, skipVerify } = tls;
  try {
    return {
      secureContext: createSecureContext({
        ...(ca === undefined ? {} : { ca }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
      }),
      ...(skipVerify ? { skipVerify } : {}),
    };
  } catch (cause) {
    throw new CodedError("INVALID_ARGUMENT", `etcd: the TLS certificates cannot be used: ${messageOf(cause)}`, {
      cause,
    });
  }
}
