import assert from "node:assert/strict";
import { test } from "node:test";
import { sandbox } from "../testing/sandbox.ts";
import { until } from "../testing/until.ts";
import { client } from "./client.ts";

const cidrs = ["10.0.0.0/16"];

test("connections are numbered under the client's name, and an id is used once at a time", async () => {
  await using mesh = await sandbox();
  await mesh.node.endpoint({ name: "web-1", services: ["web"], cidrs });
  const nsc = mesh.node.client({ name: "nsc" });
  const first = await nsc.connect("kernel://web");
  const second = await nsc.connect("kernel://web");
  assert.deepEqual([first.id, second.id], ["nsc-0", "nsc-1"]);
  await assert.rejects(nsc.connect("kernel://web", { id: "nsc-1" }), { code: "ALREADY_EXISTS", message: /"nsc-1"/ });
  await second.close();
  assert.equal((await nsc.connect("kernel://web", { id: "nsc-1" })).id, "nsc-1");
});

test("labels of client, URL and call are sent, the later ones winning", async () => {
  await using mesh = await sandbox();
  await mesh.node.endpoint({ name: "web-1", services: ["web"], cidrs });
  const nsc = mesh.node.client({ name: "nsc", labels: { a: "client", b: "client", c: "client" } });
  const { connection } = await nsc.connect("kernel://web?b=url&c=url", { labels: { c: "call" } });
  assert.deepEqual({ ...connection.labels }, { a: "client", b: "url", c: "call" });
});

test("a client can ask for one endpoint", async () => {
  await using mesh = await sandbox();
  for (const name of ["web-1", "web-2", "web-3"]) await mesh.node.endpoint({ name, services: ["web"], cidrs });
  const nsc = mesh.node.client({ name: "nsc" });
  for (let at = 0; at < 3; at++) {
    const { connection } = await nsc.connect("kernel://web", { endpoint: "web-2" });
    assert.equal(connection.networkServiceEndpointName, "web-2");
  }
});

test("the signal ends the waiting for a service", async () => {
  await using mesh = await sandbox();
  const nsc = mesh.node.client({ name: "nsc" });
  const cancel = new AbortController();
  const connecting = nsc.connect("kernel://nothing", { timeoutMs: Number.POSITIVE_INFINITY, signal: cancel.signal });
  setTimeout(() => cancel.abort(), 50);
  await assert.rejects(connecting, { code: "ABORTED" });
  assert.deepEqual([nsc.connections.length, mesh.connections], [0, 0]);
});

test("closing the client ends what it is waiting for and closes what it has", async () => {
  await using mesh = await sandbox();
  const web = await mesh.node.endpoint({ name: "web-1", services: ["web"], cidrs });
  const nsc = mesh.node.client({ name: "nsc" });
  const connection = await nsc.connect("kernel://web");
  const closed: string[] = [];
  connection.on("closed", () => closed.push(connection.id));
  const connecting = assert.rejects(nsc.connect("kernel://nothing", { timeoutMs: 60_000 }), { code: "CLOSED" });
  await nsc.close();
  await connecting;
  assert.deepEqual([closed, connection.state, mesh.connections, web.connections.length], [["nsc-0"], "closed", 0, 0]);
  await assert.rejects(nsc.connect("kernel://web"), { code: "CLOSED" });
});

test("closing twice is closing once", async () => {
  await using mesh = await sandbox();
  await mesh.node.endpoint({ name: "web-1", services: ["web"], cidrs });
  const connection = await mesh.node.client({ name: "nsc" }).connect("kernel://web");
  assert.equal(connection.close(), connection.close());
  await connection.close();
  await assert.rejects(connection.refresh(), { code: "CLOSED" });
});

test("a refresh with other labels reaches the endpoint, and what changes there is told", async () => {
  await using mesh = await sandbox();
  let mtu = 1400;
  await mesh.node.endpoint({
    name: "web-1",
    services: ["web"],
    cidrs,
    elements: [
      {
        name: "mtu",
        request: (ctx, request, next) => {
          if (request.connection?.context) request.connection.context.MTU = mtu;
          return next.request(ctx, request);
        },
      },
    ],
  });
  const connection = await mesh.node.client({ name: "nsc" }).connect("kernel://web");
  const changes: (number | undefined)[] = [];
  connection.on("changed", ({ connection: now }) => changes.push(now.context?.MTU));
  await connection.refresh();
  mtu = 1300;
  await connection.refresh({ labels: { color: "red" } });
  assert.deepEqual([changes, connection.connection.labels.color], [[1300], "red"]);
});

test("an application's copy of the connection is its own", async () => {
  await using mesh = await sandbox();
  await mesh.node.endpoint({ name: "web-1", services: ["web"], cidrs });
  const connection = await mesh.node.client({ name: "nsc" }).connect("kernel://web");
  connection.connection.id = "changed";
  connection.connection.labels.x = "y";
  assert.deepEqual([connection.connection.id, { ...connection.connection.labels }], ["nsc-0", {}]);
});

test("a URL that is wrong is refused before anything is sent", async () => {
  await using nsc = client({ connectTo: "unix:///no/such/socket" });
  await assert.rejects(nsc.connect("http://web"), { code: "INVALID_ARGUMENT", message: /service URL "http:\/\/web"/ });
});

test("an nsmgr that is not there is an error that names the socket", async () => {
  await using nsc = client({ connectTo: "unix:///no/such/socket" });
  await assert.rejects(nsc.connect("kernel://web", { timeoutMs: 0 }), {
    code: "UNAVAILABLE",
    message: /\/no\/such\/socket/,
  });
});

test("a listener that is disposed hears nothing more", async () => {
  await using mesh = await sandbox();
  const first = await mesh.node.endpoint({ name: "web-1", services: ["web"], cidrs });
  const connection = await mesh.node.client({ name: "nsc" }).connect("kernel://web");
  const heard: string[] = [];
  using _kept = connection.on("down", () => heard.push("kept"));
  connection.on("down", () => heard.push("disposed"))[Symbol.dispose]();
  await first.close();
  await until("the client hears of it", () => connection.state === "down");
  assert.deepEqual(heard, ["kept"]);
});
