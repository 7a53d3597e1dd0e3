/**
 * Unary calls and a stream of the transport beside grpc-js, client and server in a process of their own each, the same
 * message and the same codec on both sides. "files" is a unix call that brings an open file along.
 *
 * Usage: node bench/transport.ts [--rounds N] [--ms N] [--only NAME,...] [--json]
 *   --rounds   measurements of each, interleaved; default 3
 *   --ms       length of one measurement; default 700
 */
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { clone, create, fromBinary, toBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import {
  type Connection,
  ConnectionSchema,
  MonitorConnection,
  MonitorScopeSelectorSchema,
  NetworkService,
  type NetworkServiceRequest,
  NetworkServiceRequestSchema,
} from "@nsmkit/api/networkservice";
import { insecureIdentity, pemFiles, spiffeIdentity } from "@nsmkit/sdk/identity";
import { createTestCa } from "@nsmkit/sdk/testing";
import { bindService, dial, type Identity, inodeUrl, listen } from "@nsmkit/sdk/transport";

const { values: flags } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    ms: { type: "string", default: "700" },
    only: { type: "string" },
    json: { type: "boolean", default: false },
    serve: { type: "string" },
    folder: { type: "string", default: "" },
  },
});

/** A request as a forwarder sends it: labels, two preferences, a path of four segments with tokens. */
const request: NetworkServiceRequest = create(NetworkServiceRequestSchema, {
  connection: {
    id: "3c6c5b4a-8d3f-4c8b-9a53-0f1a5e0c7d11",
    networkService: "icmp-responder",
    labels: { nodeName: "node-1", podName: "nsc-6d8f7b9c5-x2x4k", app: "nsc" },
    context: { ipContext: { srcIpAddrs: ["172.16.1.101/32"], dstIpAddrs: ["172.16.1.100/32"] }, MTU: 1450 },
    path: {
      index: 2,
      pathSegments: ["nsc", "nsmgr", "forwarder", "nse"].map((name) => ({
        name,
        id: `${name}-1`,
        token: "t".repeat(220),
      })),
    },
  },
  mechanismPreferences: [
    { cls: "LOCAL", type: "KERNEL", parameters: { name: "nsm-1", inodeURL: "inode://4/4026532000" } },
    { cls: "LOCAL", type: "MEMIF", parameters: { socketfile: "@memif" } },
  ],
});
const streamed = 5000;

/** grpc-js with the same codec. */
const plainService = {
  request: {
    path: "/networkservice.NetworkService/Request",
    requestStream: false,
    responseStream: false,
    requestSerialize: (message: NetworkServiceRequest) => Buffer.from(toBinary(NetworkServiceRequestSchema, message)),
    requestDeserialize: (bytes: Buffer) => fromBinary(NetworkServiceRequestSchema, bytes),
    responseSerialize: (message: Connection) => Buffer.from(toBinary(ConnectionSchema, message)),
    responseDeserialize: (bytes: Buffer) => fromBinary(ConnectionSchema, bytes),
  },
} as const;

async function identityOf(mode: string, folder: string, name: string): Promise<Identity> {
  if (mode === "plain") return insecureIdentity({ name });
  const file = (kind: string): string => join(folder, `${name}.${kind}`);
  return spiffeIdentity({
    source: pemFiles({ certificate: file("crt"), key: file("key"), bundle: join(folder, "ca.crt") }),
  });
}

async function serve(which: string, folder: string): Promise<void> {
  const [stack, mode] = which.split("-") as [string, string];
  if (stack === "ours") {
    const service = bindService(NetworkService, {
      async request(message, call) {
        const url = message.mechanismPreferences[0]?.parameters.file;
        if (url) await (await call.peer.files?.receive(url, { signal: call.signal }))?.close();
        return message.connection ?? {};
      },
      close: async () => ({}),
    });
    const monitor = bindService(MonitorConnection, {
      async *monitorConnections() {
        const event = { connections: { one: request.connection as Connection } };
        for (let n = 0; n < streamed; n++) yield event;
      },
    });
    const identity = await identityOf(mode, folder, "server");
    const server = await listen([`unix://${folder}/${which}.sock`, "tcp://127.0.0.1:0"], {
      identity,
      services: [service, monitor],
    });
    process.send?.(server.urls);
    return;
  }
  const server = new grpc.Server();
  server.addService(plainService, {
    request: (call: grpc.ServerUnaryCall<NetworkServiceRequest, Connection>, reply: grpc.sendUnaryData<Connection>) =>
      reply(null, call.request.connection ?? null),
  });
  const read = async (name: string): Promise<Buffer> => (await import("node:fs/promises")).readFile(join(folder, name));
  const credentials =
    mode === "plain"
      ? grpc.ServerCredentials.createInsecure()
      : grpc.ServerCredentials.createSsl(
          await read("ca.crt"),
          [{ cert_chain: await read("server.crt"), private_key: await read("server.key") }],
          true,
        );
  const bind = (where: string): Promise<number> =>
    new Promise((resolve, reject) =>
      server.bindAsync(where, credentials, (error, port) => (error ? reject(error) : resolve(port))),
    );
  await bind(`unix:${folder}/${which}.sock`);
  process.send?.([`unix:${folder}/${which}.sock`, `127.0.0.1:${await bind("127.0.0.1:0")}`]);
}

interface Contender {
  readonly name: string;
  call(): Promise<Connection>;
  stream?(): Promise<number>;
  close(): Promise<void>;
}

async function ours(name: string, url: string, identity: Identity): Promise<Contender> {
  const channel = dial(url, { identity, dialTimeoutMs: 5000 });
  await channel.ready({ signal: AbortSignal.timeout(5000) });
  const { request: method } = NetworkService.method;
  const withFile = name.includes("files");
  const path = "/proc/self/ns/net";
  const message = withFile ? clone(NetworkServiceRequestSchema, request) : request;
  if (withFile && message.mechanismPreferences[0]) message.mechanismPreferences[0].parameters.file = inodeUrl(path);
  const options = withFile ? { files: [path] } : {};
  return {
    name,
    call: async () => (await channel.unary(method, message, options)).message,
    async stream() {
      let seen = 0;
      const all = create(MonitorScopeSelectorSchema);
      for await (const _ of channel.serverStream(MonitorConnection.method.monitorConnections, all)) seen++;
      return seen;
    },
    close: () => channel.close(),
  };
}

async function theirs(name: string, target: string, folder: string, mode: string): Promise<Contender> {
  const { readFile } = await import("node:fs/promises");
  const credentials =
    mode === "plain"
      ? grpc.credentials.createInsecure()
      : grpc.credentials.createSsl(
          await readFile(join(folder, "ca.crt")),
          await readFile(join(folder, "client.key")),
          await readFile(join(folder, "client.crt")),
          { checkServerIdentity: () => undefined },
        );
  const client = new grpc.Client(target, credentials, { "grpc.ssl_target_name_override": "server" });
  const { path, requestSerialize, responseDeserialize } = plainService.request;
  return {
    name,
    call: () =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, reply) =>
          reply ? resolve(reply) : reject(error),
        );
      }),
    close: async () => client.close(),
  };
}

interface Figure {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
}

async function measure(contender: Contender, inFlight: number, ms: number): Promise<Figure> {
  const times: number[] = [];
  const end = performance.now() + ms;
  const worker = async (): Promise<void> => {
    for (let now = performance.now(); now < end; ) {
      await contender.call();
      const after = performance.now();
      times.push(after - now);
      now = after;
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: inFlight }, worker));
  const seconds = (performance.now() - start) / 1000;
  times.sort((a, b) => a - b);
  const at = (part: number): number => times[Math.floor((times.length - 1) * part)] as number;
  return { perSecond: times.length / seconds, p50Ms: at(0.5), p99Ms: at(0.99) };
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] as number;

async function main(): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "nsmkit-bench-"));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const { writeFile } = await import("node:fs/promises");
  const ca = await createTestCa();
  await writeFile(join(folder, "ca.crt"), ca.root.toString());
  for (const name of ["server", "client"]) {
    const { certificate, key } = await ca.issue({ path: `/${name}` });
    await writeFile(join(folder, `${name}.crt`), certificate.toString());
    await writeFile(join(folder, `${name}.key`), key.export({ type: "pkcs8", format: "pem" }));
  }
  const start = async (which: string): Promise<[string, string]> => {
    const child = fork(import.meta.filename, ["--serve", which, "--folder", folder]);
    stack.defer(async () => {
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    });
    const [urls] = (await once(child, "message")) as [[string, string]];
    return urls;
  };
  const wanted = flags.only?.split(",");
  const contenders: Contender[] = [];
  const add = async (name: string, make: () => Promise<Contender>): Promise<void> => {
    if (wanted && !wanted.includes(name)) return;
    const contender = await make();
    stack.defer(() => contender.close());
    contenders.push(contender);
  };
  const plain = await identityOf("plain", folder, "client");
  const secure = await identityOf("tls", folder, "client");
  const [unix, tcp] = await start("ours-plain");
  const [unixTls, tcpTls] = await start("ours-tls");
  const [rivalUnix, rivalTcp] = await start("grpc-plain");
  const [rivalUnixTls, rivalTcpTls] = await start("grpc-tls");
  await add("unix", () => ours("unix", unix, plain));
  await add("unix files", () => ours("unix files", unix, plain));
  await add("grpc-js unix", () => theirs("grpc-js unix", rivalUnix, folder, "plain"));
  await add("tcp", () => ours("tcp", tcp, plain));
  await add("grpc-js tcp", () => theirs("grpc-js tcp", rivalTcp, folder, "plain"));
  await add("unix mTLS", () => ours("unix mTLS", unixTls, secure));
  await add("unix mTLS files", () => ours("unix mTLS files", unixTls, secure));
  await add("grpc-js unix mTLS", () => theirs("grpc-js unix mTLS", rivalUnixTls, folder, "tls"));
  await add("tcp mTLS", () => ours("tcp mTLS", tcpTls, secure));
  await add("grpc-js tcp mTLS", () => theirs("grpc-js tcp mTLS", rivalTcpTls, folder, "tls"));

  const results = new Map<string, Figure[]>();
  for (const contender of contenders) {
    const reply = await contender.call();
    assert.deepEqual(toBinary(ConnectionSchema, reply), toBinary(ConnectionSchema, request.connection as Connection));
    await measure(contender, 16, 300);
  }
  const loads = [1, 16, 256];
  for (let round = 0; round < Number(flags.rounds); round++) {
    for (const inFlight of loads) {
      for (const contender of contenders) {
        const key = `${contender.name} c${inFlight}`;
        const figures = results.get(key) ?? [];
        figures.push(await measure(contender, inFlight, Number(flags.ms)));
        results.set(key, figures);
      }
    }
    for (const contender of contenders) {
      if (!contender.stream) continue;
      const began = performance.now();
      assert.equal(await contender.stream(), streamed);
      const perSecond = streamed / ((performance.now() - began) / 1000);
      const key = `${contender.name} stream`;
      results.set(key, [...(results.get(key) ?? []), { perSecond, p50Ms: 0, p99Ms: 0 }]);
    }
  }
  if (flags.json) {
    console.log(JSON.stringify({ node: process.version, cpus: cpus().length, results: Object.fromEntries(results) }));
    return;
  }
  console.log(
    `Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}; calls/s median (lowest..highest), ms p50/p99`,
  );
  for (const load of [...loads.map((count) => `c${count}`), "stream"]) {
    for (const { name } of contenders) {
      const figures = results.get(`${name} ${load}`);
      if (!figures) continue;
      const rates = figures.map(({ perSecond }) => perSecond);
      const rival = results.get(`grpc-js ${name.replace(" files", "")} ${load}`)?.map(({ perSecond }) => perSecond);
      const ratio = rival ? `  ${(median(rates) / median(rival)).toFixed(2)} x grpc-js` : "";
      const times =
        load === "stream"
          ? ""
          : `  ${median(figures.map((f) => f.p50Ms)).toFixed(2)}/${median(figures.map((f) => f.p99Ms)).toFixed(2)}`;
      const spread = `${Math.round(Math.min(...rates))}..${Math.round(Math.max(...rates))}`;
      console.log(
        `${load.padEnd(7)}${name.padEnd(20)}${String(Math.round(median(rates))).padStart(7)} (${spread})${times}${ratio}`,
      );
    }
  }
}

if (flags.serve !== undefined) await serve(flags.serve, flags.folder);
else await main();
