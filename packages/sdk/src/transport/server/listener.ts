import { chmod, lstat, mkdir, unlink } from "node:fs/promises";
import net from "node:net";
import { dirname } from "node:path";
import { CodedError } from "@nsmkit/core";
import { tcpKeepAliveMs } from "../socket/tcp.ts";
import { formatTarget, type Target } from "../target.ts";

/**
 * Starts to listen. For a unix path: makes the directory, removes a socket file that nobody serves, sets the mode.
 * @throws ALREADY_EXISTS naming who to ask when the place is taken; PERMISSION_DENIED; FAILED_PRECONDITION when the path is no socket
 */
export async function openListener(
  target: Target,
  options: {
    socketMode: number;
    takeOver: boolean;
    /** Descriptors may come over unix sockets. */
    files: boolean;
    ipv6Only: boolean;
    maxConnections: number | undefined;
    onConnection: (socket: net.Socket) => void;
  },
): Promise<net.Server> {
  const server = net.createServer(
    // What a unix peer sent already must stay in the kernel until recvmsg takes it: a plain read loses descriptors.
    {
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: tcpKeepAliveMs,
      pauseOnConnect: target.transport === "unix" && options.files,
    },
    options.onConnection,
  );
  if (options.maxConnections !== undefined) server.maxConnections = options.maxConnections;
  if (target.transport === "tcp") {
    const { host, port } = target;
    const { ipv6Only } = options;
    await listenOn(server, host === "" ? { port, ipv6Only } : { host, port, ipv6Only }, target);
    return server;
  }
  const file = !target.path.startsWith("\0");
  if (file) {
    await mkdir(dirname(target.path), { recursive: true });
    await removeStale(target, options.takeOver);
  }
  await listenOn(server, { path: target.path }, target);
  if (file) await chmod(target.path, options.socketMode);
  return server;
}

async function listenOn(server: net.Server, where: net.ListenOptions, target: Target): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => reject(listenError(target, cause)));
    server.listen(where, resolve);
  });
  server.removeAllListeners("error");
}

function listenError(target: Target, cause: Error): CodedError {
  const where = formatTarget(target);
  const errno = "code" in cause ? String(cause.code) : "";
  if (errno === "EADDRINUSE") return taken(where, cause);
  if (errno === "EACCES" || errno === "EPERM") {
    return new CodedError("PERMISSION_DENIED", `cannot listen on ${where}: this user may not`, { cause });
  }
  if (errno === "EADDRNOTAVAIL") {
    return new CodedError("INVALID_ARGUMENT", `cannot listen on ${where}: this machine has no such address`, { cause });
  }
  return new CodedError("FAILED_PRECONDITION", `cannot listen on ${where}: ${cause.message}`, { cause });
}

function taken(where: string, cause?: unknown): CodedError {
  return new CodedError(
    "ALREADY_EXISTS",
    `cannot listen on ${where}: another program serves it; stop that program or choose another place`,
    cause === undefined ? {} : { cause },
  );
}

/** A program that was killed leaves its socket file; connecting tells whether somebody still serves it. */
async function removeStale(target: Target & { transport: "unix" }, takeOver: boolean): Promise<void> {
  const found = await lstat(target.path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw listenError(target, error);
  });
  if (!found) return;
  const where = formatTarget(target);
  if (!found.isSocket()) {
    throw new CodedError(
      "FAILED_PRECONDITION",
      `cannot listen on ${where}: there is a file that is no socket; remove it`,
    );
  }
  const answer = takeOver ? "ECONNREFUSED" : await probed(target.path);
  if (answer === "") throw taken(where);
  if (answer === "ENOENT") return;
  if (answer !== "ECONNREFUSED") {
    throw new CodedError(
      "FAILED_PRECONDITION",
      `cannot listen on ${where}: probing the socket there failed: ${answer}`,
    );
  }
  await unlink(target.path);
}

/** @returns "" when somebody serves the socket, else the errno's name */
function probed(path: string): Promise<string> {
  return new Promise((resolve) => {
    const probe = net.connect({ path });
    probe.once("connect", () => {
      probe.destroy();
      resolve("");
    });
    probe.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "unknown"));
  });
}
