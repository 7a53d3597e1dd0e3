import { createServer, type Server, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { CodedError, isCodedError, messageOf } from "@nsmkit/core";
import { isObject } from "../documents/object.ts";
import { type AnswerLine, type OperationName, type Operations, protocolVersion } from "./protocol.ts";

export type Tell = (event: Extract<AnswerLine, { type: "progress" }>["event"]) => void;

/** What answers each operation. `signal` is cancelled when the caller has gone. */
export type Handlers = {
  readonly [K in OperationName]: (
    request: Operations[K]["request"],
    options: { readonly tell: Tell; readonly signal: AbortSignal },
  ) => Promise<K extends "connect" ? Duplex : Operations[K]["result"]>;
};

const longestRequest = 64 * 1024 * 1024;

/** Serves a lab's control socket. @throws the system's error, EADDRINUSE where another supervisor is */
export async function serveControl(path: string, handlers: Handlers): Promise<Server> {
  const server = createServer((socket) => void serve(socket, handlers));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => resolve());
  });
  return server;
}

async function serve(socket: Socket, handlers: Handlers): Promise<void> {
  const gone = new AbortController();
  socket.on("error", () => {});
  socket.on("close", () => gone.abort(new CodedError("ABORTED", "the command was interrupted")));
  const answer = (line: AnswerLine): void => {
    if (!socket.destroyed) socket.write(`${JSON.stringify(line)}\n`);
  };
  try {
    const request = readRequest(await firstLine(socket));
    const handler = handlers[request.operation] as (request: unknown, options: unknown) => Promise<unknown>;
    const tell: Tell = (event) => answer({ type: "progress", event });
    const value = await handler(request, { tell, signal: gone.signal });
    if (value instanceof Duplex) return carry(socket, value, answer);
    answer({ type: "result", value });
  } catch (error) {
    answer({ type: "error", code: isCodedError(error) ? error.code : "INTERNAL", message: messageOf(error) });
  }
  socket.end();
}

/** From here on the socket is the connection that was asked for. */
function carry(socket: Socket, far: Duplex, answer: (line: AnswerLine) => void): void {
  far.on("error", () => socket.destroy());
  far.on("close", () => socket.destroy());
  socket.on("close", () => far.destroy());
  answer({ type: "result", value: null });
  if (socket.destroyed) far.destroy();
  else socket.pipe(far).pipe(socket);
}

function firstLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const onData = (chunk: Buffer): void => {
      const end = chunk.indexOf("\n");
      chunks.push(end < 0 ? chunk : chunk.subarray(0, end));
      length += chunk.length;
      if (end < 0 && length < longestRequest) return;
      socket.off("data", onData);
      // Keeps noticing that the caller goes.
      socket.resume();
      if (end >= 0) resolve(Buffer.concat(chunks).toString("utf8"));
      else reject(new CodedError("RESOURCE_EXHAUSTED", "the request is too long"));
    };
    socket.on("data", onData);
    socket.once("end", () => reject(new CodedError("PROTOCOL", "the request is cut short")));
  });
}

/** The socket is the owner's alone, so what follows the operation is taken as our own program wrote it. */
function readRequest(line: string): { operation: OperationName } {
  let request: unknown;
  try {
    request = JSON.parse(line);
  } catch (cause) {
    throw new CodedError("PROTOCOL", "the request is not JSON", { cause });
  }
  if (!isObject(request)) throw new CodedError("PROTOCOL", "the request is no object");
  if (request.version !== protocolVersion)
    throw new CodedError(
      "FAILED_PRECONDITION",
      `this lab was started by nsmctl ${protocolVersion}, you have ${String(request.version)}; run "nsmctl lab down", then up again`,
    );
  const operations: readonly unknown[] = ["status", "apply", "check", "enter", "agent", "connect", "down"];
  if (!operations.includes(request.operation)) throw new CodedError("PROTOCOL", "the operation is unknown");
  return request as { operation: OperationName };
}
