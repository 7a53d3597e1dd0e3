import { closeSync, openSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { basename, dirname } from "node:path";
import { abortError, CodedError, ErrorCode } from "@nsmkit/core";
import { type AnswerLine, type OperationName, type Operations, protocolVersion } from "./protocol.ts";
import type { Tell } from "./server.ts";

/** Linux takes 107 bytes for the path of a socket. */
const longestPath = 107;

/**
 * Asks a lab's supervisor.
 * @throws CodedError as the supervisor says; UNAVAILABLE when none listens
 */
export async function ask<K extends OperationName>(
  controlSocket: string,
  operation: K,
  request: Operations[K]["request"],
  options: { readonly tell?: Tell; readonly signal?: AbortSignal } = {},
): Promise<Operations[K]["result"]> {
  const socket = await connectTo(controlSocket);
  const onAbort = (): void => void socket.destroy();
  options.signal?.addEventListener("abort", onAbort, { once: true });
  try {
    socket.write(`${JSON.stringify({ ...request, version: protocolVersion, operation })}\n`);
    for await (const text of lines(socket)) {
      const line = JSON.parse(text) as AnswerLine;
      if (line.type === "progress") options.tell?.(line.event);
      else if (line.type === "result") return line.value as Operations[K]["result"];
      else throw new CodedError(line.code in ErrorCode ? (line.code as ErrorCode) : "INTERNAL", line.message);
    }
    throw new CodedError("UNAVAILABLE", `the lab's supervisor ended during ${operation}`);
  } catch (error) {
    if (options.signal?.aborted) throw abortError(options.signal, operation);
    throw error;
  } finally {
    options.signal?.removeEventListener("abort", onAbort);
    socket.destroy();
  }
}

/**
 * Opens a connection from within a Pod, carried by the control socket.
 * @throws CodedError as the supervisor says; UNAVAILABLE when none listens
 */
export async function connectThrough(
  controlSocket: string,
  request: Operations["connect"]["request"],
  options: { readonly signal: AbortSignal },
): Promise<Socket> {
  const socket = await connectTo(controlSocket);
  const onAbort = (): void => void socket.destroy();
  options.signal.addEventListener("abort", onAbort, { once: true });
  try {
    socket.write(`${JSON.stringify({ ...request, version: protocolVersion, operation: "connect" })}\n`);
    const { line, rest } = await firstLine(socket);
    const answer = JSON.parse(line) as AnswerLine;
    if (answer.type === "error")
      throw new CodedError(answer.code in ErrorCode ? (answer.code as ErrorCode) : "INTERNAL", answer.message);
    if (rest.length > 0) socket.unshift(rest);
    return socket;
  } catch (error) {
    socket.destroy();
    if (options.signal.aborted) throw abortError(options.signal, "connecting into the lab");
    throw error;
  } finally {
    options.signal.removeEventListener("abort", onAbort);
  }
}

/** What comes after the line may belong to a stream that begins there. */
function firstLine(socket: Socket): Promise<{ line: string; rest: Buffer }> {
  return new Promise((resolve, reject) => {
    let seen = Buffer.alloc(0);
    const ended = (): void => reject(new CodedError("UNAVAILABLE", "the lab's supervisor ended during connect"));
    const onData = (chunk: Buffer): void => {
      seen = Buffer.concat([seen, chunk]);
      const end = seen.indexOf("\n");
      if (end < 0) return;
      socket.pause();
      socket.off("data", onData);
      socket.off("close", ended);
      resolve({ line: seen.subarray(0, end).toString("utf8"), rest: seen.subarray(end + 1) });
    };
    socket.on("error", () => {});
    socket.on("close", ended);
    socket.on("data", onData);
  });
}

async function* lines(socket: Socket): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of socket.setEncoding("utf8")) {
    const parts = (rest + String(chunk)).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
}

/** @throws CodedError UNAVAILABLE when nobody listens there */
function connectTo(path: string): Promise<Socket> {
  // A folder's descriptor stands for its path where that is too long for a socket address.
  const folder = Buffer.byteLength(path) > longestPath ? openSync(dirname(path), "r") : undefined;
  const address = folder === undefined ? path : `/proc/self/fd/${folder}/${basename(path)}`;
  return new Promise<Socket>((resolve, reject) => {
    const socket = connect(address);
    socket.once("connect", () => resolve(socket));
    socket.once("error", (cause) => reject(new CodedError("UNAVAILABLE", `no supervisor at ${path}`, { cause })));
  }).finally(() => {
    if (folder !== undefined) closeSync(folder);
  });
}
