/** A request as routes see it. */
export interface RestRequest {
  readonly query: URLSearchParams;
  /** Parts of the path that the route names, by name. */
  readonly params: Readonly<Record<string, string>>;
  /** The whole body, UTF-8. @throws CodedError RESOURCE_EXHAUSTED beyond the limit, INVALID_ARGUMENT when it is no UTF-8 */
  text(): Promise<string>;
  /** Cancelled when the client goes away or the server closes. */
  readonly signal: AbortSignal;
}

export interface RestResponse {
  /** Default 200. */
  readonly status?: number;
  /** Media type; default application/json for anything but text. */
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text goes out as it is, all else as JSON. */
  readonly body: unknown;
}

/** Permissions that users of http.conf are given by name (ligato/vpp-agent plugins/restapi, and ours from "scheduler" on). */
export const permissionGroups = [
  "info",
  "nbConfigValidation",
  "nbConfigRead",
  "nbConfigWrite",
  "stats",
  "telemetry",
  "dump",
  "scheduler",
  "log",
] as const;
export type PermissionGroup = (typeof permissionGroups)[number];

export interface Route {
  readonly method: "GET" | "POST" | "PUT";
  /** "/log/{logger}/{level}": a part in braces is any text without slash; "*" at the end is anything. */
  readonly path: string;
  /** One line for GET /. */
  readonly text: string;
  handle(request: RestRequest): RestResponse | Promise<RestResponse>;
  /** Status of wrong arguments; default 400. */
  readonly argumentErrorStatus?: number;
  /** Where users have permissions: who may; default only those with "admin". */
  readonly group?: PermissionGroup;
  /** Where users have to log in: served without. */
  readonly open?: boolean;
}
