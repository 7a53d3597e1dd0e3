// An endpoint program for the mesh suite: serves one network service in the namespace it is started in.
import { runProgram } from "@nsmkit/core/program";
import { endpoint } from "@nsmkit/sdk";

const settings = {
  name: { env: "NSM_NAME", type: "string", required: true, text: "Name of the endpoint." },
  connectTo: { env: "NSM_CONNECT_TO", type: "url", required: true, text: "The nsmgr." },
  service: { env: "NSM_SERVICE", type: "string", required: true, text: "Network service." },
  cidr: { env: "NSM_CIDR_PREFIX", type: "list", default: "172.16.0.0/24", text: "Address pools." },
  payload: { env: "NSM_PAYLOAD", type: "enum", values: ["IP", "ETHERNET"], default: "IP", text: "Payload." },
} as const;

await runProgram(
  {
    name: "mesh-endpoint",
    description: "Serves one network service.",
    settings,
    async run({ name, connectTo, service, cidr, payload }, { logger }) {
      const services = [{ name: service, register: { payload } }];
      const running = await endpoint({
        ...{ name, connectTo, services, logger },
        cidrs: cidr,
        onConnect: ({ id }) => logger.info("client connected", { id }),
        onDisconnect: ({ id }) => logger.info("client disconnected", { id }),
      });
      logger.info("serving", { url: running.url });
      return running;
    },
  },
  process,
);
