import type { SocketRequest } from "../api/socket.ts";
import { checkInteger, invalid } from "../names/invalid.ts";
import { checkPort } from "../names/numbers.ts";
import { AF_INET, AF_INET6, AF_UNIX, int32, SO_REUSEADDR, SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET } from "../os/libc.ts";
import { abstractAddress, inetAddress } from "../os/sockaddr.ts";
import type { SocketOption, SocketSpec } from "../worker/protocol.ts";

const defaultBacklog = 511;
const reuse: SocketOption = { level: SOL_SOCKET, name: SO_REUSEADDR, value: int32(1) };

const familyNumber = (family: 4 | 6): number => (family === 4 ? AF_INET : AF_INET6);
const portOrAny = (port: number, field = "port"): number => checkInteger(port, field, 0, 65535);

/** @throws CodedError INVALID_ARGUMENT */
export function socketSpec(request: SocketRequest): SocketSpec {
  switch (request.kind) {
    case "tcp-listen": {
      const address = inetAddress(request.address ?? "::", portOrAny(request.port));
      return {
        ...inet(address.family, SOCK_STREAM),
        options: [reuse],
        bind: address.bytes,
        listen: backlog(request.backlog),
        doing: `listen on TCP ${request.address ?? "::"} port ${request.port}`,
      };
    }
    case "tcp-connect": {
      const to = inetAddress(request.address, checkPort(request.port));
      const from = request.source === undefined ? {} : { bind: sourceOf(request.source, to.family) };
      const doing = `connect to TCP ${request.address} port ${request.port}`;
      return { ...inet(to.family, SOCK_STREAM), options: [], ...from, connect: to.bytes, doing };
    }
    case "udp": {
      const to =
        request.connect && inetAddress(request.connect.address, checkPort(request.connect.port, "connect.port"));
      const wanted = request.address ?? (to?.family === 4 ? "0.0.0.0" : "::");
      const from = inetAddress(wanted, portOrAny(request.port ?? 0));
      if (to && to.family !== from.family)
        throw invalid(
          "connect.address",
          request.connect?.address,
          `is not of the family of ${wanted}`,
          "use one family",
        );
      const doing = `open a UDP socket on ${wanted} port ${request.port ?? 0}`;
      return {
        ...inet(from.family, SOCK_DGRAM),
        options: [],
        bind: from.bytes,
        ...(to ? { connect: to.bytes } : {}),
        doing,
      };
    }
    case "unix-listen":
      return {
        ...unix(request.abstract, "listen on"),
        bind: abstractAddress(request.abstract),
        listen: backlog(request.backlog),
      };
    case "unix-connect":
      return { ...unix(request.abstract, "connect to"), connect: abstractAddress(request.abstract) };
  }
}

const inet = (family: 4 | 6, type: number) => ({ family: familyNumber(family), type, protocol: 0 });

const unix = (name: string, verb: string) => ({
  family: AF_UNIX,
  type: SOCK_STREAM,
  protocol: 0,
  options: [],
  doing: `${verb} abstract unix socket "${name}"`,
});

const backlog = (value: number | undefined): number => checkInteger(value ?? defaultBacklog, "backlog", 1, 65535);

function sourceOf(source: string, family: 4 | 6): Uint8Array {
  const address = inetAddress(source, 0);
  if (address.family !== family)
    throw invalid("source", source, `is not IPv${family}`, "use the family of the destination");
  return address.bytes;
}
