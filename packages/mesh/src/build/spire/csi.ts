import { dirname } from "node:path/posix";
import type { ModernContext } from "../modern/common.ts";
import { csiDriver } from "../modern/csi.ts";
import type { MeshObject } from "../phase.ts";
import { field, imageAt } from "../pod.ts";
import { allowConstraints, serviceAccount } from "../rbac.ts";
import { csiAccount, spireNamespace } from "./names.ts";

/** The release that upstream tests with every SPIRE. */
const image = "ghcr.io/spiffe/spiffe-csi-driver:0.2.3";
const component = "spire";

/** SPIFFE's driver for the agent's socket, in Pods of its own: so the agent need not be privileged. */
export function spiffeCsi(context: ModernContext): MeshObject[] {
  const { mesh } = context;
  return [
    serviceAccount(mesh, csiAccount, component, { usesApi: false, namespace: spireNamespace }),
    ...allowConstraints(mesh, csiAccount, component, "privileged", spireNamespace),
    ...csiDriver(context, {
      driver: "csi.spiffe.io",
      component,
      name: "spiffe-csi-driver",
      account: csiAccount,
      namespace: spireNamespace,
      image: imageAt(mesh, image),
      folder: dirname(mesh.spire.agentSocket.slice("unix://".length)),
      program: (socket, csi) => ({
        args: ["-workload-api-socket-dir", socket, "-csi-socket-path", `${csi}/csi.sock`],
        env: [field("MY_NODE_NAME", "spec.nodeName")],
      }),
    }),
  ];
}
