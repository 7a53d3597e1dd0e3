import type { Server } from "node:http";
import { type Closable, CodedError } from "@nsmkit/core";

/** Listens, and closes without waiting for idle connections. @throws FAILED_PRECONDITION for an address that is taken */
export async function listening(
  server: Pick<Server, "once" | "off" | "listen" | "address" | "close" | "closeAllConnections">,
  { host, port }: { readonly host?: string; readonly port: number },
): Promise<Closable & { readonly port: number }> {
  await new Promise<void>((resolve, reject) => {
    const failed = (cause: Error): void =>
      reject(new CodedError("FAILED_PRECONDITION", `cannot listen on ${host ?? ""}:${port}`, { cause }));
    server.once("error", failed);
    server.listen(port, host, () => {
      server.off("error", failed);
      resolve();
    });
  });
  const address = server.address();
  const close = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  };
  return { port: typeof address === "object" && address ? address.port : port, close, [Symbol.asyncDispose]: close };
}
