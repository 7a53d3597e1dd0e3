// Registry and nsmgr as processes of their own, over real sockets in a directory of their own. No root needed.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { type NetworkServiceEndpoint, NetworkServiceEndpointSchema } from "@nsmkit/api/registry";
import { Context } from "@nsmkit/sdk/chain";
import { nseRules, type RegistryClient } from "@nsmkit/sdk/registry";
import { Mesh } from "./mesh.ts";
import { Program } from "./program.ts";

async function* find(
  client: RegistryClient,
  pattern: { name?: string; service?: string },
  watch: boolean,
  signal: AbortSignal,
) {
  const { name = "", service } = pattern;
  const query = create(NetworkServiceEndpointSchema, {
    name,
    networkServiceNames: service === undefined ? [] : [service],
  });
  for await (const found of client.endpoints.find(new Context({ signal }), nseRules.query(query, watch))) {
    const entry = nseRules.entry(found);
    if (entry) yield { entry, deleted: found.deleted };
  }
}

async function list(client: RegistryClient, pattern: { name?: string; service?: string } = {}) {
  const entries: NetworkServiceEndpoint[] = [];
  for await (const { entry } of find(client, pattern, false, AbortSignal.timeout(10_000))) entries.push(entry);
  return entries;
}

/** Waits for what a watch tells. @returns ms until `name` was there and fitted */
async function untilThere(client: RegistryClient, names: readonly string[]): Promise<number> {
  const start = performance.now();
  const missing = new Set(names);
  for (;;) {
    for (const { name } of await list(client).catch(() => [])) missing.delete(name);
    if (missing.size === 0) return performance.now() - start;
    assert.ok(performance.now() - start < 10_000, `missing: ${[...missing].slice(0, 5)}`);
    await sleep(5);
  }
}

const offer = (name: string) => ({
  name,
  url: `tcp://10.0.0.9:${1000 + name.length}`,
  networkServiceNames: ["web"],
  networkServiceLabels: { web: { labels: { app: name } } },
});

describe("registry behind nsmgr", { timeout: 60_000 }, () => {
  test("an endpoint registers through nsmgr, is found and watched, and is gone when it unregisters", async () => {
    await using mesh = await Mesh.create();
    await mesh.registry();
    await mesh.nsmgr();
    const [local, remote] = [mesh.client("endpoint"), mesh.client("other-node", mesh.registryUrl)];
    const stop = new AbortController();
    const told: string[] = [];
    const watching = (async () => {
      for await (const { entry, deleted } of find(remote, { service: "web" }, true, stop.signal))
        told.push(`${deleted ? "-" : "+"}${entry.name}`);
    })().catch(() => {});
    const registration = await local.register(offer("nse-1"), { services: [{ name: "web" }] });
    const [seenLocally] = await list(local, { name: "nse-1" });
    const [seenRemotely] = await list(remote, { service: "web" });
    assert.equal(seenLocally?.url, offer("nse-1").url);
    assert.match(seenRemotely?.url ?? "", /^tcp:\/\/127\.0\.0\.1:\d+$/, "other nodes are told the nsmgr's URL");
    assert.deepEqual(seenRemotely?.networkServiceLabels.web?.labels, { app: "nse-1", nodeName: "node-1" });
    assert.deepEqual(seenRemotely?.pathIds.length, 3);
    await registration.close();
    assert.deepEqual(await list(remote), []);
    await sleep(50);
    stop.abort();
    await watching;
    assert.deepEqual(told, ["+nse-1", "-nse-1"]);
  });

  test("an endpoint that stops coming expires; one that keeps coming stays", async () => {
    await using mesh = await Mesh.create();
    await mesh.registry({ NSM_EXPIRE_PERIOD: "1s" });
    const [staying, leaving] = [mesh.client("staying", mesh.registryUrl), mesh.client("leaving", mesh.registryUrl)];
    await staying.register(offer("stays"));
    await leaving.register(offer("leaves"));
    // As if the process had been killed.
    await leaving.channel.close();
    await sleep(2_500);
    assert.deepEqual(
      (await list(staying)).map(({ name }) => name),
      ["stays"],
    );
  });

  test("a registry that is killed and started again has its endpoints back within a second, services too", async () => {
    await using mesh = await Mesh.create();
    const first = await mesh.registry();
    await mesh.nsmgr();
    const endpoints = mesh.client("endpoint");
    const names = Array.from({ length: 20 }, (_, index) => `nse-${index}`);
    for (const name of names) await endpoints.register(offer(name), { services: [{ name: "web" }] });
    await first.kill();
    await sleep(500);
    await mesh.registry();
    const tookMs = await untilThere(mesh.client("observer", mesh.registryUrl), names);
    assert.ok(tookMs < 1_000, `took ${tookMs} ms`);
  });

  test("a nsmgr that is killed and started again has its endpoints back within a second", async () => {
    await using mesh = await Mesh.create();
    await mesh.registry();
    const first = await mesh.nsmgr();
    const endpoints = mesh.client("endpoint");
    const names = Array.from({ length: 20 }, (_, index) => `nse-${index}`);
    for (const name of names) await endpoints.register(offer(name));
    await first.kill();
    await sleep(500);
    await mesh.nsmgr();
    const tookMs = await untilThere(mesh.client("observer"), names);
    assert.ok(tookMs < 1_000, `took ${tookMs} ms`);
  });

  test("a nsmgr without registry keeps its entries itself", async () => {
    await using mesh = await Mesh.create();
    await mesh.nsmgr({ NSM_REGISTRY_URL: "" });
    const client = mesh.client("endpoint");
    await client.register(offer("nse-1"));
    assert.equal((await list(client))[0]?.url, offer("nse-1").url);
  });

  test("a registration while the registry is away is refused with its URL, and nothing is left of it", async () => {
    await using mesh = await Mesh.create();
    await mesh.nsmgr();
    const client = mesh.client("endpoint");
    await assert.rejects(client.register(offer("nse-1")), { code: "UNAVAILABLE", message: /registry\.sock/ });
    await mesh.registry();
    await client.register(offer("nse-1"));
    assert.equal((await list(client)).length, 1);
  });
});

describe("figures", { timeout: 60_000 }, () => {
  test("registry and nsmgr tell what they hold and serve when asked to", async () => {
    await using mesh = await Mesh.create();
    const scraped = { PROMETHEUS: "true", NSM_PROMETHEUS_LISTEN_ON: "127.0.0.1:0" };
    const programs = [await mesh.registry(scraped), await mesh.nsmgr(scraped)];
    await mesh.client("endpoint").register(offer("nse-1"), { services: [{ name: "web" }] });
    const texts: string[] = [];
    for (const program of programs) {
      const { url } = await program.log("serving metrics");
      texts.push(await (await fetch(String(url))).text());
    }
    assert.match(texts[0] ?? "", /nsm_registry_endpoints 1\n/);
    assert.match(texts[0] ?? "", /nsm_rpc_total\{method="registry\.NetworkServiceRegistry\/Register",code="OK"\} 1/);
    assert.match(texts[1] ?? "", /nsm_local_endpoints 1\n/);
    assert.match(texts[1] ?? "", /nodejs_eventloop_lag_seconds/);
  });
});

describe("a thousand endpoints", { timeout: 60_000 }, () => {
  test("are found one by one in milliseconds, at the registry and through nsmgr", async () => {
    await using mesh = await Mesh.create();
    await mesh.registry();
    await mesh.nsmgr();
    const local = mesh.client("endpoint");
    const names = Array.from({ length: 1_000 }, (_, index) => `nse-${index}`);
    for (let at = 0; at < names.length; at += 50)
      await Promise.all(names.slice(at, at + 50).map((name) => local.register(offer(name))));
    for (const client of [mesh.client("remote", mesh.registryUrl), local]) {
      const ms: number[] = [];
      for (let i = 0; i < 300; i++) {
        const start = performance.now();
        assert.equal((await list(client, { name: `nse-${(i * 7) % 1_000}` })).length, 1);
        ms.push(performance.now() - start);
      }
      ms.sort((a, b) => a - b);
      // A scan of all entries would show in the median; the bound leaves room for a busy machine.
      assert.ok((ms[150] ?? 0) < 10, `median ${ms[150]} ms`);
    }
    assert.equal((await list(local, { service: "web" })).length, 1_000);
  });
});

describe("a place that is taken", { timeout: 60_000 }, () => {
  const failure = async (env: Record<string, string>): Promise<string> => {
    await using program = new Program("nsm-registry", env);
    assert.equal(await program.exit(), 1);
    return String((await program.log("failed").catch(() => program.lines.at(-1)))?.reason);
  };

  test("a live socket is named with the remedy, and still works for its owner", async () => {
    await using mesh = await Mesh.create();
    await mesh.registry();
    assert.match(await failure({ NSM_LISTEN_ON: mesh.registryUrl }), /registry\.sock.*(in use|already|another)/);
    assert.deepEqual(await list(mesh.client("x", mesh.registryUrl)), []);
  });

  test("a port is named with the remedy", async () => {
    const taken: Server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => taken.once("listening", resolve));
    const address = taken.address();
    const port = typeof address === "object" ? address?.port : 0;
    try {
      const reason = await failure({ NSM_LISTEN_ON: `tcp://127.0.0.1:${port}` });
      assert.match(reason, new RegExp(`127\\.0\\.0\\.1:${port}.*(in use|already|another)`));
    } finally {
      taken.close();
    }
  });

  test("a socket file that a killed program left is taken over", async () => {
    await using mesh = await Mesh.create();
    await (await mesh.registry()).kill();
    assert.ok(existsSync(`${mesh.directory}/registry.sock`));
    await mesh.registry();
  });

  test("a path that is no socket is left alone and named", async () => {
    await using mesh = await Mesh.create();
    const path = join(mesh.directory, "precious");
    await writeFile(path, "data");
    assert.match(await failure({ NSM_LISTEN_ON: `unix://${path}` }), /precious/);
    assert.equal(await readFile(path, "utf8"), "data");
  });
});

describe("ending", { timeout: 60_000 }, () => {
  test("SIGTERM ends registry and nsmgr with 0 and leaves no socket, with clients connected", async () => {
    await using mesh = await Mesh.create();
    const registry = await mesh.registry();
    const nsmgr = await mesh.nsmgr();
    await mesh.client("endpoint").register(offer("nse-1"));
    for (const program of [nsmgr, registry]) {
      program.signal("SIGTERM");
      assert.equal(await program.exit(), 0, program.all());
    }
    assert.ok(!existsSync(`${mesh.directory}/registry.sock`) && !existsSync(`${mesh.directory}/nsmgr.sock`));
  });

  test("SIGUSR1 makes a running program tell more, SIGUSR2 less again", async () => {
    await using mesh = await Mesh.create();
    const registry = await mesh.registry();
    const connections = () => registry.lines.filter(({ level }) => level === 20).length;
    const connect = async () => {
      await using client = mesh.client("x", mesh.registryUrl);
      await list(client);
      await client.close();
      await sleep(100);
    };
    await connect();
    assert.equal(connections(), 0);
    registry.signal("SIGUSR1");
    await sleep(50);
    await connect();
    const told = connections();
    assert.ok(told > 0, registry.all());
    registry.signal("SIGUSR2");
    await sleep(50);
    await connect();
    assert.equal(connections(), told);
  });
});
