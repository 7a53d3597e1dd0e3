// Serves the network service "clock": gives each client an address pair and answers its HTTP requests with the time.
import { createServer } from "node:http";
import { client, endpoint } from "@nsmkit/sdk";

const connectTo = "unix:///var/lib/networkservicemesh/nsm.io.sock";
const name = process.env.NSM_NAME ?? "clock-server";

await using clock = await endpoint({
  connectTo,
  name,
  services: ["clock"],
  cidrs: ["172.16.1.0/24"],
  onConnect: ({ labels }) => console.log(`a client comes, its labels: ${JSON.stringify(labels)}`),
  onDisconnect: () => console.log("a client has gone"),
});
console.log(`${clock.name} serves the network service "clock"`);

const http = createServer((request, response) => {
  response.end(`${new Date().toISOString()} for ${request.socket.remoteAddress}\n`);
});
http.listen(80, "0.0.0.0");

// The server is a client too: it keeps its time by asking the service "time-source" if someone offers it.
await using upstream = client({ connectTo, name: `${name}-upstream` });
upstream
  .connect("kernel://time-source/source0", { timeoutMs: 1000 })
  .then(({ addresses }) => console.log(`a better clock is at hand, our address there is ${addresses}`))
  .catch(({ code, message }) => console.log(`no better clock (${code}: ${message}), so this machine's will do`));

await new Promise((resolve) => process.once("SIGTERM", resolve));
http.close();
