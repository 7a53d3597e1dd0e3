// A network function that NSM leaves to its users: all clients of an endpoint on one common Ethernet.
// The agent beside this program serves the endpoint and gives each client's interface the name port<n>; this program puts
// every such interface into a bridge as soon as the kernel tells of it.
import { type Link, openNetlink } from "@nsmkit/netlink";

const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());

await using netlink = await openNetlink();
await using handle = netlink.handle();
await handle.linkAdd({ kind: "bridge", name: "switch0", up: true });
const bridge = await handle.linkGet("switch0");

async function attach(link: Link): Promise<void> {
  // The mark is the forwarder's: nothing else in this Pod is a client's interface.
  if (!link.alias?.startsWith("nsmkit/") || link.master === bridge.index) return;
  await handle.linkSet(link.index, { master: bridge.index, up: true });
  console.log(`${link.name} joined switch0`);
}

// Listen first, then look: what comes in between is seen twice rather than not at all.
const changes = await handle.monitor({ groups: ["link"], signal: stop.signal });
for (const link of await handle.linkList()) await attach(link);
for await (const change of changes) {
  try {
    if (change.type === "link" && change.action === "new") await attach(change.link);
    if (change.type === "overrun") for (const link of await handle.linkList()) await attach(link);
  } catch (error) {
    // A client may be gone before we come to it.
    console.error(error);
  }
}
