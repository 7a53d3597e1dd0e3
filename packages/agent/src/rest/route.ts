/** A request as routes see it. */
export interface RestRequest {
  readonly query: URLSearchParams;
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
  /** Text goes out as it is, all else as JSON. */
  readonly body: unknown;
}

export interface Route {
  readonly method: "GET" | "POST" | "PUT";
  readonly path: string;
  /** One line for GET /. */
  readonly text: string;
  handle(request: RestRequest): RestResponse | Promise<RestResponse>;
  /** Status of wrong arguments; default 400. */
  readonly argumentErrorStatus?: number;
}
