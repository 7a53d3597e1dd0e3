// For tests: an agent as Ligato's are, and the command line in this process.
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { create } from "@bufbuild/protobuf";
import { ConfiguratorService, type UpdateRequest } from "@nsmkit/api/configurator";
import { ManagerService, MetaService, type SetConfigRequest } from "@nsmkit/api/generic";
import { RouteSchema } from "@nsmkit/api/linux";
import { linuxRouteModel, modelDetail, packItem } from "@nsmkit/api/model";
import { allModels } from "@nsmkit/api/model/vpp";
import type { Closable } from "@nsmkit/core";
import { insecureIdentity } from "@nsmkit/sdk/identity";
import { bindService, listen, type ServiceBinding } from "@nsmkit/sdk/transport";
import { createProgram, exitCodeOf } from "../program.ts";

export interface FakeAgent extends Closable {
  readonly httpPort: number;
  readonly grpcPort: number;
  /** "PUT /log/x/debug" */
  readonly asked: string[];
  readonly bodies: string[];
  readonly set: SetConfigRequest[];
  readonly updates: UpdateRequest[];
}

export interface FakeOptions {
  /** What it serves: Ligato's Linux agents have no gRPC and no /configuration. */
  readonly grpc: "none" | "generic" | "configurator";
  /** Path -> status and answer; beside the paths of the scheduler. */
  readonly paths?: Readonly<Record<string, readonly [status: number, body: unknown]>>;
  readonly basicAuth?: string;
}

export const route = create(RouteSchema, {
  outgoingInterface: "tap0",
  dstNetwork: "80.80.80.0/24",
  gwAddr: "192.168.100.1",
});

/** JSON as plugins/kvscheduler/rest.go of ligato/vpp-agent writes it. */
const routeKey = "config/linux/l3/v2/route/80.80.80.0/24/tap0";
const ligatoPaths: NonNullable<FakeOptions["paths"]> = {
  "GET /readiness": [
    200,
    {
      agent_status: { build_version: "v3.1.0", state: 1, start_time: "1579000000" },
      plugin_status: { etcd: { state: 1 }, nsm: { state: 2, error: "no socket" } },
    },
  ],
  "GET /scheduler/status": [
    200,
    [
      {
        value: { key: routeKey, state: "PENDING", last_operation: "CREATE", details: ["interface-is-up"] },
      },
    ],
  ],
  // States that are number 0 are left out.
  "GET /scheduler/status?key": [200, { value: { key: routeKey } }],
  "GET /scheduler/dump": [
    200,
    { Descriptors: ["linux-route"], KeyPrefixes: ["", "config/linux/l3/v2/route/"], Views: ["SB", "NB", "cached"] },
  ],
  "GET /scheduler/dump?key-prefix": [
    200,
    [
      {
        Key: routeKey,
        Value: {
          ProtoMsgName: "ligato.linux.l3.Route",
          ProtoMsgData: { outgoing_interface: "tap0", dst_network: "80.80.80.0/24", gw_addr: "192.168.100.1" },
        },
        Metadata: null,
        Origin: 1,
      },
    ],
  ],
  "GET /scheduler/txn-history": [
    200,
    [
      {
        PreRecord: false,
        Start: "2020-01-29T21:07:15.123456789Z",
        Stop: "2020-01-29T21:07:15.223456789Z",
        SeqNum: 1,
        TxnType: "NBTransaction",
        ResyncType: "FullResync",
        Values: [{ Key: routeKey, Value: null, Origin: 1 }],
        Executed: [{ Operation: "CREATE", Key: routeKey, NewState: "PENDING", NOOP: true }],
      },
    ],
  ],
  "GET /log/list": [200, [{ logger: "nsm", level: "info" }]],
  "PUT /log/nsm/debug": [200, { logger: "nsm", level: "debug" }],
};

export async function startFakeAgent(options: FakeOptions): Promise<FakeAgent> {
  const asked: string[] = [];
  const bodies: string[] = [];
  const set: SetConfigRequest[] = [];
  const updates: UpdateRequest[] = [];
  const paths = { ...ligatoPaths, ...options.paths };
  const http = createServer((request: IncomingMessage, response) => {
    void (async () => {
      const body = await text(request);
      const url = new URL(request.url ?? "/", "http://agent");
      const path = `${request.method} ${url.pathname}`;
      asked.push(`${request.method} ${request.url}`);
      bodies.push(body);
      const wanted = `Basic ${Buffer.from(options.basicAuth ?? "").toString("base64")}`;
      if (options.basicAuth !== undefined && request.headers.authorization !== wanted)
        return response.writeHead(401).end("Provided Authentication credentials are invalid.");
      const found = paths[`${path}?${[...url.searchParams.keys()][0]}`] ?? paths[path];
      if (!found) return response.writeHead(404, { "content-type": "text/plain" }).end("404 page not found\n");
      response.writeHead(found[0], { "content-type": "application/json" });
      return response.end(typeof found[1] === "string" ? found[1] : JSON.stringify(found[1]));
    })();
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  await using opened = new AsyncDisposableStack();
  opened.defer(
    () =>
      new Promise<void>((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      }),
  );
  let grpcPort = 1;
  if (options.grpc !== "none") {
    const services = options.grpc === "generic" ? genericServices(set) : configuratorServices(updates);
    const identity = insecureIdentity({ name: "ligato" });
    const server = opened.use(await listen(["tcp://127.0.0.1:0"], { identity, services }));
    grpcPort = Number(server.urls[0]?.split(":").at(-1));
  }
  const closing = opened.move();
  const close = (): Promise<void> => closing.disposeAsync();
  const { port: httpPort } = http.address() as AddressInfo;
  return { httpPort, grpcPort, asked, bodies, set, updates, close, [Symbol.asyncDispose]: close };
}

function genericServices(set: SetConfigRequest[]): ServiceBinding[] {
  return [
    bindService(ManagerService, {
      async setConfig(request) {
        set.push(request);
        return { results: [{ key: "seqnum", status: { message: "7" } }] };
      },
      getConfig: async () => ({
        items: [
          {
            item: packItem(linuxRouteModel, route),
            status: { status: "CONFIGURED", message: "" },
            labels: { "io.ligato.from-client": "agentctl" },
          },
        ],
      }),
      dumpState: async () => ({ items: [{ item: packItem(linuxRouteModel, route) }] }),
      // biome-ignore lint/correctness/useYield: it refuses, as Ligato's does.
      async *subscribe() {
        throw Object.assign(new Error("method Subscribe not implemented"), { code: "UNSUPPORTED" });
      },
    }),
    bindService(MetaService, {
      knownModels: async () => ({
        knownModels: [
          ...allModels.models.filter(({ spec }) => spec.module.startsWith("linux")).map(modelDetail),
          // A model of StoneWork.
          {
            spec: { module: "vpp.abx", version: "v1", type: "abx", class: "config" },
            protoName: "vpp.abx.ABX",
            options: [{ key: "nameTemplate", values: ["{{.Index}}"] }],
          },
        ],
        activeModules: [],
      }),
      protoFileDescriptor: async () => ({}),
    }),
  ];
}

function configuratorServices(updates: UpdateRequest[]): ServiceBinding[] {
  return [
    bindService(ConfiguratorService, {
      get: async () => ({ config: { linuxConfig: { routes: [route] } } }),
      async update(request) {
        updates.push(request);
        return {};
      },
      delete: async () => ({}),
      dump: async () => ({ dump: { linuxConfig: { routes: [route] } } }),
      async *notify() {
        yield { nextIdx: 1, notification: { notification: { case: "linuxNotification" as const, value: {} } } };
      },
    }),
  ];
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `nsmctl agent ARGS` in this process. */
export async function runAgent(args: readonly string[], agent?: FakeAgent): Promise<Ran> {
  let [stdout, stderr, code] = ["", "", 0];
  const where = agent ? ["--http-port", `${agent.httpPort}`, "--grpc-port", `${agent.grpcPort}`] : [];
  const program = createProgram(
    {
      env: {},
      uid: 0,
      stdout: {
        write(chunk: string) {
          stdout += chunk;
        },
      },
      stderr: {
        write(chunk: string) {
          stderr += chunk;
        },
      },
      signal: new AbortController().signal,
      program: "",
    },
    (result) => {
      code = result;
    },
  );
  try {
    await program.parseAsync(["node", "nsmctl", "agent", ...where, ...args]);
  } catch (error) {
    code = exitCodeOf(error);
    stderr += (error as Error).message;
  }
  return { code, stdout, stderr };
}
