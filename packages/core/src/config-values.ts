import { isIP } from "node:net";
/** Readers of setting values as people write them in environments. Each returns the value or throws a `ValueError`. */

/** Why a text is not a value: what is wrong, then what to write instead. */
export class ValueError extends Error {
  readonly remedy: string;
  constructor(problem: string, remedy: string) {
    super(problem);
    this.name = "ValueError";
    this.remedy = remedy;
  }
}

/** Nanosecond-based units of Go's time.ParseDuration, in ms. */
const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  "\u03bcs": 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
/** Go holds a duration in a signed 64-bit count of nanoseconds. */
const longestMs = 2 ** 63 / 1e6;
const durationPart = /(\d+(?:\.\d*)?|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/gy;

/** Go's duration syntax ("10m", "750ms", "1h2m3s", "0"), without a sign, to ms. */
export function parseDuration(text: string): number {
  if (text === "0") return 0;
  durationPart.lastIndex = 0;
  let ms = 0;
  let end = 0;
  for (let part = durationPart.exec(text); part; part = durationPart.exec(text)) {
    ms += Number(part[1]) * (unitMs[part[2] ?? ""] ?? 0);
    end = durationPart.lastIndex;
  }
  if (end === 0 || end !== text.length)
    throw new ValueError("not a duration", 'write a number and a unit, e.g. "750ms", "10m" or "1h30m"');
  if (ms > longestMs) throw new ValueError("too long", "write less than 292 years");
  // Sums like 0.1s + 0.2s carry binary fractions, which are noise; long durations have no digits for nanoseconds.
  const digits = ms < 1e9 ? 1e6 : 1e3;
  return Math.round(ms * digits) / digits;
}

/** The inverse of `parseDuration`, in the largest units that fit. */
export function formatDuration(ms: number): string {
  if (ms === 0) return "0s";
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor((ms % 3_600_000) / 60_000);
  const rest = Math.round((ms % 60_000) * 1e6) / 1e6;
  const head = `${hours ? `${hours}h` : ""}${minutes ? `${minutes}m` : ""}`;
  if (rest === 0) return head;
  return `${head}${rest >= 1000 ? `${rest / 1000}s` : `${rest}ms`}`;
}

/** The words that Go's strconv.ParseBool takes. */
export function parseBoolean(text: string): boolean {
  if (["1", "t", "T", "true", "TRUE", "True"].includes(text)) return true;
  if (["0", "f", "F", "false", "FALSE", "False"].includes(text)) return false;
  throw new ValueError("neither true nor false", 'write "true" or "false"');
}

export function parseInteger(text: string): number {
  const value = Number(text);
  if (!/^[+-]?\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new ValueError("not a whole number", "write decimal digits only");
  return value;
}

/** "a,b" -> ["a", "b"]; blanks around entries and one comma at the end are allowed. */
export function parseList(text: string): string[] {
  const entries = text.split(",").map((entry) => entry.trim());
  if (entries.at(-1) === "") entries.pop();
  if (entries.includes("")) throw new ValueError("has an empty entry", "remove the surplus comma");
  return entries;
}

/** "k:v,k2=v2" -> { k: "v", k2: "v2" }; the first ":" or "=" of an entry ends the key. */
export function parseMap(text: string): Record<string, string> {
  const map: Record<string, string> = Object.create(null);
  for (const entry of parseList(text)) {
    const cut = entry.search(/[:=]/);
    if (cut < 1) throw new ValueError(`entry "${entry}" is not key:value`, 'write "key:value,key2:value2"');
    const key = entry.slice(0, cut).trim();
    if (key in map) throw new ValueError(`key "${key}" occurs twice`, "keep one of them");
    map[key] = entry.slice(cut + 1).trim();
  }
  return { ...map };
}

/**
 * A URL of one of `schemes`, as text. "host:port" is short for "tcp://host:port", as NSM's manifests write registries.
 * Only `unix` and `tcp` have their parts checked here.
 */
export function parseUrl(text: string, schemes: readonly string[] = ["unix", "tcp"]): string {
  const short = schemes.includes("tcp") && !text.includes("://") && /^[^/\s]*:\d+$/.test(text);
  const url = short ? `tcp://${text}` : text;
  const [, scheme, rest] = /^([a-zA-Z][a-zA-Z0-9+.-]*):\/\/(\S+)$/.exec(url) ?? [];
  const forms = schemes.map((name) => urlForms[name] ?? `${name}://…`).join(" or ");
  if (scheme === undefined || rest === undefined) throw new ValueError("not a URL", `write ${forms}`);
  const name = scheme.toLowerCase();
  if (!schemes.includes(name)) throw new ValueError(`scheme "${scheme}" is not possible here`, `write ${forms}`);
  if (name === "unix" && !/^(\/.*[^/]|@.+)$/.test(rest))
    throw new ValueError("names no absolute socket path", "write unix:///path/to/socket or unix://@abstract-name");
  if (name === "tcp") checkHostPort(rest);
  return `${name}://${rest}`;
}

const urlForms: Readonly<Record<string, string>> = { unix: "unix:///path/to/socket", tcp: "tcp://host:port" };

function checkHostPort(rest: string): void {
  const [, host, port] = /^(\[[0-9a-fA-F:.%]+\]|[^:/[\]@]*):(\d{1,5})$/.exec(rest) ?? [];
  if (host === undefined || Number(port) > 65_535)
    throw new ValueError("has no host:port", "write tcp://host:port, IPv6 addresses in brackets; port 0 to 65535");
}

/** @param text `host:port`, `[v6]:port` or `:port`; port 0 takes a free one. For listening, so a host is an address. */
export function parseListenAddress(text: string): { readonly host?: string; readonly port: number } {
  const [, bracketed, plain = "", port = ""] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (port === "" || Number(port) > 65_535 || (host !== "" && host !== "localhost" && isIP(host) === 0))
    throw new ValueError("no address to listen on", "write one like :8081, 127.0.0.1:8081 or [::1]:8081");
  return { port: Number(port), ...(host !== "" && { host }) };
}
