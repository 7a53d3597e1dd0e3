// Connects to the network service "clock", asks the time over the new interface, tells what happens to the connection.
import { client } from "@nsmkit/sdk";

await using nsm = client({
  connectTo: "unix:///var/lib/networkservicemesh/nsm.io.sock",
  name: process.env.NSM_NAME ?? "ask",
});
const connection = await nsm.connect("kernel://clock/clock0?app=ask", { timeoutMs: 30_000 });
connection.on("down", ({ reason }) => console.log(`down: ${reason}`));
connection.on("healed", () => console.log(`up again, the server is at ${connection.peerAddresses}`));

const [server = ""] = connection.peerAddresses.map((address) => address.split("/")[0]);
console.log(`${connection.interfaceName} has ${connection.addresses}, the server has ${connection.peerAddresses}`);

const stopped = new Promise((resolve) => process.once("SIGTERM", resolve));
for (let answered = false; !answered; ) {
  const answer = await fetch(`http://${server}/`, { signal: AbortSignal.timeout(1000) }).catch(() => undefined);
  if (answer) console.log(`the server says: ${(await answer.text()).trim()}`);
  answered = answer !== undefined;
}
await stopped;
