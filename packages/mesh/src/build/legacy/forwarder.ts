import type { LegacyMeshSpec } from "../../spec/mesh-spec.ts";
import { nodeByNode } from "../modern/common.ts";
import { meshObject, podMetadata } from "../object.ts";
import type { MeshObject } from "../phase.ts";
import { container, field, hostPath, nsmFolder, place, pullSecrets, volumesOf } from "../pod.ts";
import { legacyAccounts } from "./accounts.ts";
import { imageOf, insecureEnv, legacyProbes, legacySpirePlace, tracerEnv } from "./common.ts";

/** v0.2's data plane, under the name that it was looked up by and created with alike. */
export function legacyForwarder(mesh: LegacyMeshSpec): MeshObject {
  const { name, image } = mesh.forwardingPlane;
  const component = "forwarder";
  const selector = { app: `nsm-${name}-plane` };
  const workspace = place(hostPath("workspace", nsmFolder), nsmFolder);
  // Interfaces are moved by what is mounted here after the Pod has started.
  const shared = { volume: workspace.volume, mount: { ...workspace.mount, mountPropagation: "Bidirectional" } };
  const places = [shared, legacySpirePlace()];
  return meshObject(
    mesh,
    "DaemonSet",
    `nsm-${name}-forwarder`,
    { component, labels: selector },
    {
      spec: {
        selector: { matchLabels: selector },
        updateStrategy: nodeByNode,
        template: {
          metadata: podMetadata(mesh, component, selector),
          spec: {
            serviceAccountName: legacyAccounts.forwarder,
            automountServiceAccountToken: false,
            hostPID: true,
            hostNetwork: true,
            dnsPolicy: "ClusterFirstWithHostNet",
            ...pullSecrets(mesh),
            containers: [
              container({
                name: image.split("/").at(-1) ?? image,
                spec: { image: imageOf(mesh, image), env: [] },
                pullPolicy: mesh.pullPolicy,
                env: [insecureEnv(mesh), ...tracerEnv(mesh), field("NSM_FORWARDER_SRC_IP", "status.podIP")],
                places,
                securityContext: { privileged: true },
                ...legacyProbes(),
              }),
            ],
            volumes: volumesOf(places),
          },
        },
      },
    },
  );
}
