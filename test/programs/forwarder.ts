import { type Closable, closeAll } from "@nsmkit/core";
import { insecureIdentity } from "@nsmkit/sdk";
import { forwarderChain } from "@nsmkit/sdk/networkservice";
import { createDiscovery, createRegistryClient } from "@nsmkit/sdk/registry";
import { FakeCrossConnector } from "@nsmkit/sdk/testing";
import { channelPool, dial, listen } from "@nsmkit/sdk/transport";

export interface FakeForwarder extends Closable {
  /** What is connected now. */
  readonly plane: FakeCrossConnector;
}

/** A forwarder whose data plane only remembers, in the test's own process. */
export async function fakeForwarder(name: string, socket: string, nsmgrUrl: string): Promise<FakeForwarder> {
  const identity = insecureIdentity({ name });
  const plane = new FakeCrossConnector();
  const registry = createRegistryClient({ connectTo: nsmgrUrl, identity });
  const discovery = createDiscovery(registry);
  const channels = channelPool({ dial, identity });
  const chain = forwarderChain({ name, identity, discovery, channels, crossConnector: plane });
  const server = await listen([socket], { identity, services: chain.bindings });
  await registry.register({
    name,
    url: socket,
    networkServiceNames: ["forwarder"],
    networkServiceLabels: { forwarder: { labels: { p2p: "true" } } },
  });
  const close = (): Promise<void> => closeAll([channels, { close: chain.stop }, discovery, server, registry]);
  return { plane, close, [Symbol.asyncDispose]: close };
}
