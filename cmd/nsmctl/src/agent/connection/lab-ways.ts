import { CodedError } from "@nsmkit/core";
import { askLab, findLab } from "../../lab/commands/target.ts";
import { connectThrough } from "../../lab/control/client.ts";
import type { CommandIo } from "../../lab/io.ts";
import type { Dialer } from "../../tunnel.ts";
import { openTunnel } from "../../tunnel.ts";
import type { TargetOptions } from "./options.ts";
import type { Ways } from "./session.ts";

/** Into a Pod of a lab, through its supervisor: no address of it is reachable from outside. */
export async function labWays(options: TargetOptions, io: CommandIo): Promise<Ways> {
  const places = findLab(io, options.lab?.name);
  const wanted = {
    ...(options.lab?.pod === undefined ? {} : { pod: options.lab.pod }),
    ...(options.label === undefined ? {} : { label: options.label }),
  };
  const agent = await askLab(places, "agent", wanted, { signal: io.signal });
  const dialer =
    (host: string, port: number): Dialer =>
    ({ signal }) =>
      connectThrough(places.controlSocket, { pod: agent.pod, host, port }, { signal });
  return {
    place: `Pod ${agent.pod} of lab ${places.name}`,
    label: agent.label,
    namesEtcd: agent.etcd.length > 0 || options.etcdGiven,
    at: (port) => `Pod ${agent.pod} of lab ${places.name}, port ${port}`,
    port: (port) => dialer("127.0.0.1", port),
    async etcd(owner, signal) {
      const endpoints = agent.etcd.length > 0 ? agent.etcd : options.etcdGiven ? options.etcdEndpoints : [];
      if (endpoints.length === 0)
        throw new CodedError(
          "FAILED_PRECONDITION",
          `the agent in Pod ${agent.pod} does not take its configuration from etcd; it needs ETCD_CONFIG and a volume with etcd.conf`,
        );
      const tunnels = endpoints.map(async (endpoint) => {
        const [, host = "", port = ""] = /^(?:https?:\/\/)?\[?([^/]*?)\]?:(\d+)$/.exec(endpoint) ?? [];
        const dial = port === "" ? dialer(endpoint, 0) : dialer(host, Number(port));
        // What the client says of a tunnel would not say why it leads nowhere.
        (await dial({ signal })).destroy();
        const scheme = endpoint.startsWith("https://") ? "unixs" : "unix";
        return `${scheme}://${owner.use(await openTunnel(dial, { signal })).path}`;
      });
      return { endpoints: await Promise.all(tunnels) };
    },
  };
}
