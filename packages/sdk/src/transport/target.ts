import { CodedError } from "@nsmkit/core";

/** Where to connect or listen. `path` of an abstract socket starts with NUL, as Node and the kernel write it. */
export type Target =
  | { readonly transport: "unix"; readonly path: string }
  | { readonly transport: "tcp"; readonly host: string; readonly port: number };

/** sizeof(sockaddr_un.sun_path), linux/un.h; a path needs one byte more for its NUL, an abstract name does not. */
const sunPathBytes = 108;

/**
 * Reads `unix:///path`, `unix:path`, `unix://@abstract`, `tcp://host:port`, `tcp://:port`, `tcp://[v6]:port` and a bare `host:port`.
 * @returns for a host-less tcp URL `host: ""`: every address when listening, this machine when dialling
 * @throws INVALID_ARGUMENT naming the URL and what is wrong with it
 */
export function parseTarget(url: string): Target {
  if (url.startsWith("unix:")) return parseUnix(url);
  if (url.startsWith("tcp:")) return parseTcp(url, url.startsWith("tcp://") ? url.slice(6) : url.slice(4));
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(url);
  if (scheme) throw bad(url, `the scheme ${scheme[1]} is not known; use unix or tcp`);
  return parseTcp(url, url);
}

function parseUnix(url: string): Target {
  const rest = url.startsWith("unix://") ? url.slice(7) : url.slice(5);
  const name = decodePercent(url, rest);
  if (name === "" || name === "/" || name === "@")
    throw bad(url, "it names no socket; write unix:///path or unix://@name");
  if (name.includes("\0")) throw bad(url, "the name contains a NUL");
  if (url.startsWith("unix://") && !name.startsWith("/") && !name.startsWith("@")) {
    throw bad(url, "a path after unix:// starts with /, as in unix:///run/nsm.sock");
  }
  const abstract = name.startsWith("@");
  const bytes = Buffer.byteLength(name) + (abstract ? 0 : 1);
  if (bytes > sunPathBytes) throw bad(url, `the socket name has ${bytes} bytes; Linux allows ${sunPathBytes}`);
  return { transport: "unix", path: abstract ? `\0${name.slice(1)}` : name };
}

function parseTcp(url: string, rest: string): Target {
  const authority = rest.endsWith("/") ? rest.slice(0, -1) : rest;
  const match = /^(?:\[([0-9A-Fa-f:.]+(?:%[0-9A-Za-z_.-]+)?)\]|([0-9A-Za-z_.-]*)):([0-9]{1,5})$/.exec(authority);
  if (!match) throw bad(url, "write tcp://host:port, tcp://:port or tcp://[IPv6 address]:port");
  const port = Number(match[3]);
  if (port > 65_535) throw bad(url, `port ${port} is above 65535`);
  return { transport: "tcp", host: match[1] ?? match[2] ?? "", port };
}

function decodePercent(url: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw bad(url, "it has a broken percent escape", cause);
  }
}

function bad(url: string, why: string, cause?: unknown): CodedError {
  return new CodedError("INVALID_ARGUMENT", `URL ${JSON.stringify(url)}: ${why}`, cause === undefined ? {} : { cause });
}

/** The URL of a target, as users write it. */
export function formatTarget(target: Target): string {
  if (target.transport === "tcp") {
    return `tcp://${target.host.includes(":") ? `[${target.host}]` : target.host}:${target.port}`;
  }
  const abstract = target.path.startsWith("\0");
  const name = (abstract ? `@${target.path.slice(1)}` : target.path).replaceAll("%", "%25");
  return abstract || name.startsWith("/") ? `unix://${name}` : `unix:${name}`;
}
