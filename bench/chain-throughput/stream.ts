/**
 * One end of a TCP stream, as a process in a Pod's namespace: `server` counts what arrives, `client` sends as much as it
 * can. Both answer each question of their parent over IPC.
 */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

export interface Sent {
  readonly bytes: number;
  readonly ms: number;
  /** User and system time of this process; the kernel's forwarding runs in the sender's. */
  readonly cpuMs: number;
}
export interface Arrived {
  readonly bytes: number;
  /** Addresses that clients came from. */
  readonly from: readonly string[];
  readonly cpuMs: number;
}

const port = 5201;
const [role, address = ""] = process.argv.slice(2);
const chunk = Buffer.alloc(1 << 18);
let started = process.cpuUsage();
const cpuMs = (): number => {
  const { user, system } = process.cpuUsage(started);
  started = process.cpuUsage();
  return (user + system) / 1000;
};

if (role === "server") {
  let bytes = 0;
  let from: string[] = [];
  const server = createServer((socket) => {
    from.push(socket.remoteAddress ?? "");
    socket.on("data", (data) => {
      bytes += data.length;
    });
    socket.on("error", () => {});
  });
  server.listen(port, address, () => process.send?.("listening"));
  process.on("message", () => {
    const arrived: Arrived = { bytes, from, cpuMs: cpuMs() };
    [bytes, from] = [0, []];
    process.send?.(arrived);
  });
} else {
  process.on("message", async (forMs: number) => {
    const socket = connect(port, address);
    await once(socket, "connect");
    cpuMs();
    const began = performance.now();
    const bytes = await send(socket, forMs);
    const sent: Sent = { bytes, ms: performance.now() - began, cpuMs: cpuMs() };
    socket.end();
    await once(socket, "close");
    process.send?.(sent);
  });
  process.send?.("ready");
}

async function send(socket: Socket, forMs: number): Promise<number> {
  const untilMs = performance.now() + forMs;
  let bytes = 0;
  while (performance.now() < untilMs) {
    bytes += chunk.length;
    if (!socket.write(chunk)) await once(socket, "drain");
  }
  return bytes;
}
