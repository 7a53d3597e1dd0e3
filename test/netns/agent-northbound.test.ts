// The northbound of a real agent on a real kernel: gRPC with TLS, the original's own client, what others take away.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import {
  type ConfigSchema,
  GetRequestSchema,
  GetResponseSchema,
  NotifyRequestSchema,
  NotifyResponseSchema,
  UpdateRequestSchema,
  UpdateResponseSchema,
} from "@nsmkit/api/configurator";
import { InterfaceState_Status as Status, Interface_Type as Type } from "@nsmkit/api/linux";
import { createTestCa } from "@nsmkit/sdk/testing";
import { type Agent, cannotRun, type Pod, until, World } from "./agent-world.ts";

const skip = await cannotRun();
const options = { skip, timeout: 60_000 };

/**
 * Programs of others, found like those of test/cluster/upstream.ts. agentctl's imports live under a name that may not
 * be reachable: clone ligato/vpp-agent and ligato/cn-infra, `go mod edit -replace go.ligato.io/cn-infra/v2=../cn-infra`,
 * `go build ./cmd/agentctl`. grpcurl: `go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.1`.
 */
function foreign(name: "agentctl" | "grpcurl"): string {
  return join(process.env.NSMKIT_UPSTREAM ?? join(homedir(), ".cache/nsmkit/upstream"), name);
}
const without = (name: "agentctl" | "grpcurl"): string | false =>
  skip || (existsSync(foreign(name)) ? false : `${name} is not at ${foreign(name)}`);

/** An agent with gRPC on a socket, and what its grpc.conf says besides. */
async function agentWith(w: World, pod: Pod, conf = ""): Promise<{ agent: Agent; socket: string }> {
  const socket = join(w.directory, "grpc.sock");
  await writeFile(join(w.directory, "grpc.conf"), `network: unix\nendpoint: ${socket}\n${conf}`);
  return { agent: await w.agent(pod, "nb", "linuxConfig: {interfaces: []}\n"), socket };
}

/** The client of another implementation. */
class Client implements Disposable {
  readonly #client: grpc.Client;

  constructor(socket: string, credentials = grpc.credentials.createInsecure()) {
    this.#client = new grpc.Client(`unix:${socket}`, credentials, { "grpc.ssl_target_name_override": "localhost" });
  }

  update(config: MessageInitShape<typeof ConfigSchema>, waitDone: boolean): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#client.makeUnaryRequest(
      "/ligato.configurator.ConfiguratorService/Update",
      (request: MessageInitShape<typeof UpdateRequestSchema>) =>
        Buffer.from(toBinary(UpdateRequestSchema, create(UpdateRequestSchema, request))),
      (bytes) => fromBinary(UpdateResponseSchema, bytes),
      { update: config, waitDone },
      { deadline: Date.now() + 10_000 } as grpc.Metadata & grpc.CallOptions,
      (error) => (error ? reject(error) : resolve()),
    );
    return promise;
  }

  get(): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#client.makeUnaryRequest(
      "/ligato.configurator.ConfiguratorService/Get",
      () => Buffer.from(toBinary(GetRequestSchema, create(GetRequestSchema))),
      (bytes) => fromBinary(GetResponseSchema, bytes),
      undefined,
      (error, reply) => (error ? reject(error) : resolve(reply?.config?.linuxConfig?.interfaces.length ?? -1)),
    );
    return promise;
  }

  async *notifications(): AsyncGenerator<string> {
    const stream = this.#client.makeServerStreamRequest(
      "/ligato.configurator.ConfiguratorService/Notify",
      () => Buffer.from(toBinary(NotifyRequestSchema, create(NotifyRequestSchema))),
      (bytes) => fromBinary(NotifyResponseSchema, bytes),
      undefined,
    );
    stream.on("error", () => {});
    try {
      for await (const { notification } of stream) {
        const state = notification?.notification.value?.interface?.state;
        yield `${state?.name} ${Status[state?.adminStatus ?? 0]} ${Status[state?.operStatus ?? 0]}`;
      }
    } finally {
      stream.cancel();
    }
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

const pair = {
  linuxConfig: {
    interfaces: [
      {
        name: "v1",
        type: Type.VETH,
        enabled: true,
        ipAddresses: ["10.7.0.1/24", "fd07::1/64"],
        link: { case: "veth" as const, value: { peerIfName: "v2" } },
      },
      { name: "v2", type: Type.VETH, enabled: true, link: { case: "veth" as const, value: { peerIfName: "v1" } } },
    ],
    routes: [{ outgoingInterface: "v1", dstNetwork: "10.8.0.0/16", gwAddr: "10.7.0.9" }],
    arpEntries: [{ interface: "v1", ipAddress: "10.7.0.9", hwAddress: "02:00:00:00:00:09" }],
  },
};

test("when Update with wait_done answers, addresses and routes are in the kernel", options, async () => {
  await using w = await World.open();
  const pod = await w.pod();
  const { socket } = await agentWith(w, pod);
  using client = new Client(socket);
  await client.update(pair, true);
  assert.deepEqual(await pod.addresses("v1"), ["10.7.0.1/24", "fd07::1/64"]);
  assert.ok((await pod.handle.routeList({ protocol: 79 })).some(({ destination }) => destination === "10.8.0.0/16"));
});

test("what somebody removes from the kernel by hand comes back by itself", options, async () => {
  await using w = await World.open();
  const pod = await w.pod();
  const { agent, socket } = await agentWith(w, pod);
  using client = new Client(socket);
  await client.update(pair, true);
  const whole = async (): Promise<boolean> =>
    (await pod.addresses("v1")).join() === "10.7.0.1/24,fd07::1/64" &&
    (await pod.handle.routeList({ protocol: 79 })).length === 1 &&
    (await pod.handle.neighList({ link: "v1" })).some(
      ({ address, state }) => address === "10.7.0.9" && state === "permanent",
    );
  const removals: (() => Promise<unknown>)[] = [
    () => pod.handle.routeDelete({ destination: "10.8.0.0/16", link: "v1" }),
    () => pod.handle.neighDelete({ link: "v1", address: "10.7.0.9" }),
    () => pod.handle.addrDelete({ link: "v1", address: "10.7.0.1/24" }),
    () => pod.handle.linkDelete("v2"),
  ];
  for (const remove of removals) {
    await until(whole, () => `everything is in place\n${agent.all()}`);
    await remove();
    assert.equal(await whole().catch(() => false), false);
    await until(
      () => whole().catch(() => false),
      () => `it is back\n${agent.all()}`,
      5_000,
    );
  }
});

test("a link that goes down and up has its IPv6 addresses and routes again", options, async () => {
  await using w = await World.open();
  const pod = await w.pod();
  const { agent, socket } = await agentWith(w, pod);
  using client = new Client(socket);
  const { interfaces } = pair.linuxConfig;
  const routes = [{ outgoingInterface: "v1", dstNetwork: "fd08::/64", gwAddr: "fd07::9" }];
  await client.update({ linuxConfig: { interfaces, routes } }, true);
  await pod.handle.linkSet("v1", { up: false });
  await until(
    async () => (await pod.addresses("v1")).join() === "10.7.0.1/24",
    "the kernel has taken the address away",
  );
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.equal((await pod.handle.linkGet("v1")).up, false);
  await pod.handle.linkSet("v1", { up: true });
  await until(
    async () =>
      (await pod.addresses("v1")).join() === "10.7.0.1/24,fd07::1/64" &&
      (await pod.handle.routeList({ protocol: 79 })).some(({ destination }) => destination === "fd08::/64"),
    () => `both are back\n${agent.all()}`,
  );
});

test("Notify tells of links that go down and up in the kernel", options, async () => {
  await using w = await World.open();
  const pod = await w.pod();
  const { socket } = await agentWith(w, pod);
  using client = new Client(socket);
  await client.update(pair, true);
  const seen: string[] = [];
  const reading = (async () => {
    for await (const text of client.notifications()) {
      seen.push(text);
      if (seen.at(-1) === "v2 UP UP" && seen.includes("v2 DOWN DOWN")) return;
    }
  })();
  await until(
    () => seen.includes("v1 UP UP") && seen.includes("v2 UP UP"),
    () => `both are told: ${seen.join()}`,
  );
  await pod.handle.linkSet("v2", { up: false });
  await until(
    () => seen.includes("v2 DOWN DOWN"),
    () => `down is told: ${seen.join()}`,
  );
  await pod.handle.linkSet("v2", { up: true });
  await reading;
});

test("over TLS only clients with a certificate of ca-files are served", options, async () => {
  await using w = await World.open();
  const pod = await w.pod();
  const [ca, other] = [await createTestCa(), await createTestCa({ trustDomain: "other" })];
  const files = { "server.pem": "", "server.key": "", "ca.pem": ca.root.toString() };
  const { certificate, key } = await ca.issue({ path: "/agent", hosts: ["localhost"] });
  files["server.pem"] = certificate.toString();
  files["server.key"] = key.export({ type: "pkcs8", format: "pem" }).toString();
  for (const [name, text] of Object.entries(files)) await writeFile(join(w.directory, name), text);
  const { socket } = await agentWith(w, pod, "cert-file: server.pem\nkey-file: server.key\nca-files: [ca.pem]\n");
  const credentials = async (issuer: typeof ca) => {
    const own = await issuer.issue({ path: "/client" });
    return grpc.credentials.createSsl(
      Buffer.from(files["ca.pem"]),
      Buffer.from(own.key.export({ type: "pkcs8", format: "pem" }).toString()),
      Buffer.from(own.certificate.toString()),
    );
  };
  using known = new Client(socket, await credentials(ca));
  assert.equal(await known.get(), 0);
  for (const strange of [await credentials(other), grpc.credentials.createSsl(Buffer.from(files["ca.pem"]))]) {
    using client = new Client(socket, strange);
    await assert.rejects(client.get(), { code: grpc.status.UNAVAILABLE });
  }
});

/** Runs a program in a Pod. @returns its output */
function run(pod: Pod, argv: readonly string[], input = ""): string {
  const { status, stdout, stderr } = spawnSync("nsenter", [`--net=${pod.path}`, "--", ...argv], {
    encoding: "utf8",
    input,
    timeout: 20_000,
  });
  assert.equal(status, 0, `${argv.join(" ")}: ${stdout}${stderr}`);
  return stdout;
}

test("agentctl of the original agent does its daily work with ours", {
  ...options,
  skip: without("agentctl"),
}, async () => {
  await using w = await World.open();
  const pod = await w.pod();
  await writeFile(join(w.directory, "grpc.conf"), "endpoint: 127.0.0.1:9111\n");
  await writeFile(join(w.directory, "tcp.conf"), "endpoint: 127.0.0.1:9191\n");
  const program = await w.program(pod, "nsm-agent-linux", {
    MICROSERVICE_LABEL: "nb",
    CONFIG_DIR: w.directory,
    HTTP_CONFIG: "tcp.conf",
  });
  const file = join(w.directory, "update.yaml");
  await writeFile(
    file,
    `linuxConfig:
  interfaces:
  - {name: v1, type: VETH, enabled: true, ip_addresses: [10.7.0.1/24], veth: {peer_if_name: v2}}
  - {name: v2, type: VETH, enabled: true, veth: {peer_if_name: v1}}
  routes:
  - {outgoing_interface: v1, dst_network: 10.8.0.0/16, gw_addr: 10.7.0.9}
`,
  );
  const agentctl = (...args: string[]): string => run(pod, [foreign("agentctl"), "--service-label", "nb", ...args]);
  assert.match(agentctl("status"), /App name:\s+nsm-agent-linux[\s\S]*State:\s+OK/);
  assert.match(agentctl("model", "list"), /linux\.l3\.route\s+config\s+ligato\.linux\.l3\.Route/);
  agentctl("config", "update", "--labels", "a=b", file);
  assert.deepEqual(await pod.addresses("v1"), ["10.7.0.1/24"]);
  assert.match(agentctl("config", "get", "--labels", "a=b"), /outgoingInterface: v1/);
  assert.match(agentctl("config", "retrieve"), /dstNetwork: 10\.8\.0\.0\/16/);
  assert.match(agentctl("values"), /linux\/interface\/v1\/address\/static\/10\.7\.0\.1\/24\s+CONFIGURED/);
  assert.match(agentctl("dump", "linux.l3.route"), /gwAddr: 10\.7\.0\.9/);
  assert.match(agentctl("config", "history"), /config change/);
  assert.match(agentctl("config", "resync"), /DownstreamResync/);
  assert.match(agentctl("log", "set", "linux", "debug"), /linux has been set to level debug/);
  assert.match(agentctl("service", "list"), /ligato\.configurator\.ConfiguratorService/);
  agentctl("config", "delete", "--waitdone", file);
  assert.deepEqual(await pod.addresses("v1"), []);
  assert.ok(program.running);
});

test("agentctl talks to an agent with TLS, and only with the right password", {
  ...options,
  skip: without("agentctl"),
}, async () => {
  await using w = await World.open();
  const pod = await w.pod();
  const ca = await createTestCa();
  const { certificate, key } = await ca.issue({ path: "/agent", hosts: ["127.0.0.1"] });
  const files = {
    "ca.pem": ca.root.toString(),
    "server.pem": certificate.toString(),
    "server.key": key.export({ type: "pkcs8", format: "pem" }).toString(),
    "grpc.conf": "endpoint: 127.0.0.1:9111\ncert-file: server.pem\nkey-file: server.key\n",
    "http.conf":
      'endpoint: 127.0.0.1:9191\nserver-cert-file: server.pem\nserver-key-file: server.key\nclient-basic-auth: ["ann:secret"]\n',
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(w.directory, name), text);
  await w.program(pod, "nsm-agent-linux", { MICROSERVICE_LABEL: "nb", CONFIG_DIR: w.directory });
  const agentctl = (authority: string, ...args: string[]): string =>
    run(pod, ["env", `SSL_CERT_FILE=${authority}`, foreign("agentctl"), "--service-label", "nb", ...args]);
  const known = join(w.directory, "ca.pem");
  assert.match(agentctl(known, "--insecure-tls", "--http-basic-auth", "ann:secret", "status"), /State:\s+OK/);
  assert.match(agentctl(known, "--insecure-tls", "model", "list"), /linux\.l3\.route/);
  assert.throws(
    () => agentctl(known, "--insecure-tls", "--http-basic-auth", "ann:guess", "status"),
    /client-basic-auth/,
  );
  assert.throws(
    () => agentctl("/dev/null", "--insecure-tls", "--http-basic-auth", "ann:secret", "status"),
    /failed to verify certificate/,
  );
});

test("grpcurl finds every service by reflection and calls it", { ...options, skip: without("grpcurl") }, async () => {
  await using w = await World.open();
  const pod = await w.pod();
  const { socket } = await agentWith(w, pod);
  const grpcurl = (...args: string[]): string => run(pod, [foreign("grpcurl"), "-plaintext", "-unix", ...args]);
  assert.deepEqual(grpcurl(socket, "list").trim().split("\n"), [
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    "ligato.configurator.ConfiguratorService",
    "ligato.configurator.StatsPollerService",
    "ligato.generic.ManagerService",
    "ligato.generic.MetaService",
  ]);
  const request = JSON.stringify({ class: "config" });
  assert.match(
    grpcurl("-d", request, socket, "ligato.generic.MetaService/KnownModels"),
    /"protoName": "ligato\.linux\.l3\.Route"/,
  );
});

test("grpcurl gets in over TLS with a certificate of ca-files, not without, and no further than the limits", {
  ...options,
  skip: without("grpcurl"),
}, async () => {
  await using w = await World.open();
  const pod = await w.pod();
  const ca = await createTestCa();
  const files: Record<string, string> = { "ca.pem": ca.root.toString() };
  for (const name of ["server", "client"]) {
    const { certificate, key } = await ca.issue({ path: `/${name}`, hosts: ["localhost"] });
    files[`${name}.pem`] = certificate.toString();
    files[`${name}.key`] = key.export({ type: "pkcs8", format: "pem" }).toString();
  }
  for (const [name, text] of Object.entries(files)) await writeFile(join(w.directory, name), text);
  const conf = "cert-file: server.pem\nkey-file: server.key\nca-files: [ca.pem]\nmax-msg-size: 1000\n";
  const { socket } = await agentWith(w, pod, conf);
  const at = (name: string): string => join(w.directory, name);
  const trusting = ["-cacert", at("ca.pem"), "-authority", "localhost", "-unix", "-connect-timeout", "2"];
  const own = ["-cert", at("client.pem"), "-key", at("client.key")];
  const grpcurl = (...args: string[]): string => run(pod, [foreign("grpcurl"), ...trusting, ...args]);
  assert.match(grpcurl(...own, socket, "list"), /ligato\.generic\.ManagerService/);
  assert.throws(() => grpcurl(socket, "list"));
  const ask = (size: number): string =>
    grpcurl(
      ...own,
      "-d",
      JSON.stringify({ class: "x".repeat(size) }),
      socket,
      "ligato.generic.MetaService/KnownModels",
    );
  assert.equal(ask(900).trim(), "{}");
  assert.throws(() => ask(100_000), /ResourceExhausted[\s\S]*raise max-msg-size in grpc\.conf/);
});
