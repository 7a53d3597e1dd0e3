import { connect, isIP, Socket } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { CodedError, messageOf } from "@nsmkit/core";
import { serviceNames } from "../spec/services.ts";
import type { ServiceSpec } from "../spec/spec.ts";
import type { LabPod } from "./pod.ts";

/**
 * Connects as a program in a Pod would: to an address, to a Service by its name, or to a "unix:" path.
 * @throws CodedError NOT_FOUND for a name that the Pod does not know, UNAVAILABLE
 */
export async function connectFrom(
  { spec, sandbox }: LabPod,
  services: readonly ServiceSpec[],
  { host, port }: { readonly host: string; readonly port: number },
  options: { readonly signal: AbortSignal },
): Promise<Duplex> {
  if (host.startsWith("unix:")) return connectUnix(sandbox.pid, host.replace(/^unixs?:(\/\/)?/, ""));
  const service = services.find((one) => serviceNames(one, spec.namespace).includes(host));
  const address = service?.address ?? (host === "localhost" ? "127.0.0.1" : host);
  if (isIP(address) === 0)
    throw new CodedError("NOT_FOUND", `${host}: Pod ${spec.name} knows no such name; the lab has no Service of it`);
  return connectInside(sandbox, address, port, options);
}

async function connectInside(
  { handle }: LabPod["sandbox"],
  address: string,
  port: number,
  options: { readonly signal: AbortSignal },
): Promise<Duplex> {
  const fd = await handle.openSocket({ kind: "tcp-connect", address, port }, options).catch((cause: unknown) => {
    throw refusal(`${address}:${port}`, cause);
  });
  return new Socket({ fd, readable: true, writable: true });
}

/** A unix socket as a Pod sees it. */
function connectUnix(podPid: number, path: string): Promise<Duplex> {
  const socket = connect(join("/proc", `${podPid}`, "root", path));
  return new Promise((resolve, reject) => {
    socket.once("connect", () => resolve(socket));
    socket.once("error", (cause) => reject(refusal(path, cause)));
  });
}

function refusal(where: string, cause: unknown): CodedError {
  return new CodedError("UNAVAILABLE", `${where}: ${messageOf(cause)}`, { cause });
}
