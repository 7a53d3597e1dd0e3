import { get } from "node:http";
import { Socket } from "node:net";
import { CodedError } from "@nsmkit/core";
import type { Handle } from "@nsmkit/netlink";

export interface HttpReply {
  readonly status: number;
  readonly body: string;
}

/** GET from a server on the loopback of another network namespace. @throws CodedError UNAVAILABLE */
export async function getInside(
  handle: Handle,
  port: number,
  path: string,
  options: { signal: AbortSignal },
): Promise<HttpReply> {
  const fd = await handle.openSocket({ kind: "tcp-connect", address: "127.0.0.1", port }, options);
  const socket = new Socket({ fd, readable: true, writable: true });
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => {
      socket.destroy();
      reject(new CodedError("UNAVAILABLE", `GET :${port}${path}: ${cause.message}`, { cause }));
    };
    // Without an agent: one would not take our socket.
    const request = get({ path, createConnection: () => socket, signal: options.signal }, (response) => {
      let body = "";
      response
        .setEncoding("utf8")
        .on("data", (text: string) => {
          body += text;
        })
        .on("error", fail)
        .on("end", () => {
          socket.destroy();
          resolve({ status: response.statusCode ?? 0, body });
        });
    });
    request.on("error", fail);
  });
}
