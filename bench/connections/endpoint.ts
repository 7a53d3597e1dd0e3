// The endpoint of bench/connections.ts: one service in the namespace that it is started in.
import { runProgram } from "@nsmkit/core/program";
import { endpoint } from "@nsmkit/sdk";

const settings = {
  connectTo: { env: "NSM_CONNECT_TO", type: "url", required: true, text: "The nsmgr." },
  payload: { env: "NSM_PAYLOAD", type: "enum", values: ["IP", "ETHERNET"], default: "IP", text: "Payload." },
} as const;

await runProgram(
  {
    name: "endpoint",
    description: "Serves the network service svc.",
    settings,
    async run({ connectTo, payload }, { logger }) {
      const running = await endpoint({
        ...{ connectTo, logger, name: "endpoint-1" },
        services: [{ name: "svc", register: { payload } }],
        cidrs: ["10.128.0.0/9"],
      });
      process.on("message", (message) => {
        if (message === "connections") process.send?.(running.connections.length);
      });
      process.stderr.write('{"msg":"serving"}\n');
      return running;
    },
  },
  process,
);
