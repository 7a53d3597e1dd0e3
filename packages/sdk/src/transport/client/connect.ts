import net from "node:net";
import { abortError, CodedError } from "@nsmkit/core";
import { tcpKeepAliveMs } from "../socket/tcp.ts";
import { formatTarget, type Target } from "../target.ts";

/** Connects once. @throws UNAVAILABLE naming the target; DEADLINE_EXCEEDED or ABORTED by the signal */
export async function connectSocket(target: Target, options: { signal: AbortSignal }): Promise<net.Socket> {
  const where = formatTarget(target);
  const socket = net.connect(
    target.transport === "unix"
      ? { path: target.path }
      : {
          host: target.host || "localhost",
          port: target.port,
          noDelay: true,
          keepAlive: true,
          keepAliveInitialDelay: tcpKeepAliveMs,
        },
  );
  // A socket that is paused when it connects is not read: descriptors would be lost by a plain read.
  if (target.transport === "unix") socket.pause();
  try {
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => reject(abortError(options.signal, `connecting to ${where}`));
      if (options.signal.aborted) onAbort();
      options.signal.addEventListener("abort", onAbort, { once: true });
      socket.once("connect", resolve);
      socket.once("error", (cause) => reject(connectError(where, cause)));
      socket.once("close", () => options.signal.removeEventListener("abort", onAbort));
      socket.once("connect", () => options.signal.removeEventListener("abort", onAbort));
    });
  } catch (error) {
    socket.on("error", () => {});
    socket.destroy();
    throw error;
  }
  socket.removeAllListeners();
  return socket;
}

function connectError(where: string, cause: Error): CodedError {
  const errno = "code" in cause ? String(cause.code) : "";
  const hints: Readonly<Record<string, string>> = {
    ENOENT: "there is no such socket; is the server running?",
    ECONNREFUSED: "nothing listens there; is the server running?",
    EACCES: "this user may not connect to the socket",
    ENOTFOUND: "the host name does not resolve",
  };
  return new CodedError("UNAVAILABLE", `cannot connect to ${where}: ${hints[errno] ?? cause.message}`, {
    cause,
    details: { target: where, errno },
  });
}
