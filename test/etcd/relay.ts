import { connect, createServer, type Socket } from "node:net";

/** TCP to a server that can be cut off, or lose what the server says. */
export class LossyRelay {
  readonly endpoint: string;
  readonly #server: ReturnType<typeof createServer>;
  readonly #sockets = new Set<Socket>();
  #cut = false;
  #swallow = false;

  private constructor(server: ReturnType<typeof createServer>, port: number, target: number) {
    this.#server = server;
    this.endpoint = `127.0.0.1:${port}`;
    server.on("connection", (client) => {
      if (this.#cut) return void client.destroy();
      const upstream = connect(target, "127.0.0.1");
      for (const [one, other] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        this.#sockets.add(one);
        one.on("error", () => {});
        one.on("close", () => {
          this.#sockets.delete(one);
          other.destroy();
        });
      }
      client.on("data", (chunk) => upstream.write(chunk));
      upstream.on("data", (chunk) => {
        // Headers and data of an answer, not the small change of HTTP/2.
        if (this.#swallow && chunk.length > 60) {
          this.#swallow = false;
          client.destroy();
        } else client.write(chunk);
      });
    });
  }

  static async open(target: number): Promise<LossyRelay> {
    const server = createServer({ noDelay: true });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    return new LossyRelay(server, typeof address === "object" && address ? address.port : 0, target);
  }

  cut(): void {
    this.#cut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#cut = false;
  }

  swallowNextAnswer(): void {
    this.#swallow = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
