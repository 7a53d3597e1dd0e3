import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Connection, ConnectionSchema, NetworkServiceRequestSchema } from "@nsmkit/api/networkservice";
import { type Closable, closeAll, silentLogger, systemClock } from "@nsmkit/core";
import { bounded } from "../chain/bounded.ts";
import { Context } from "../chain/context.ts";
import { clientChain } from "../networkservice/chains/client/client.ts";
import { kernelClient } from "../networkservice/common/mechanisms/kernel/client.ts";
import { channelPool } from "../transport/client/pool.ts";
import { dial, type Identity } from "../transport/index.ts";

/** A client without the comforts of `client`, which may also die without closing what it opened: its `close` is that. */
export interface BareClient extends Closable {
  readonly url: string;
  request(connection: Connection): Promise<Connection>;
  closeConnection(connection: Connection): Promise<void>;
}

export function bareClient(options: {
  readonly name: string;
  readonly connectTo: string;
  readonly identity: Identity;
}): BareClient {
  const { name, connectTo, identity } = options;
  const channels = channelPool({ dial, identity });
  const chain = clientChain({ name, connectTo, identity, channels, elements: [kernelClient()] });
  const context = (signal: AbortSignal, deadlineMs: number): Context =>
    new Context({ signal, deadlineMs, clock: systemClock, logger: silentLogger });
  const close = (): Promise<void> => closeAll([channels, { close: chain.stop }]);
  return {
    url: connectTo,
    async request(connection) {
      using time = bounded(systemClock, 10_000, "requesting");
      const request = create(NetworkServiceRequestSchema, { connection });
      return await chain.handler.request(context(time.signal, time.deadlineMs), request);
    },
    async closeConnection(connection) {
      using time = bounded(systemClock, 10_000, "closing");
      await chain.handler.close(context(time.signal, time.deadlineMs), connection);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

export const connectionTo = (
  networkService: string,
  more: MessageInitShape<typeof ConnectionSchema> = {},
): Connection => create(ConnectionSchema, { ...more, networkService });
