import type { LegacyMeshSpec } from "../../spec/mesh-spec.ts";
import { nodeByNode } from "../modern/common.ts";
import { meshObject, podMetadata } from "../object.ts";
import type { MeshObject } from "../phase.ts";
import { container, field, hostFiles, hostPath, nsmFolder, place, pullSecrets, value, volumesOf } from "../pod.ts";
import { legacyAccounts } from "./accounts.ts";
import { imageOf, insecureEnv, legacyProbes, legacySpirePlace, tracerEnv } from "./common.ts";

const component = "nsmgr";
const selector = { app: "nsmgr-daemonset" };
const devicePlugins = "/var/lib/kubelet/device-plugins";

/** v0.2's manager: device plugin, manager proper and its link to the API server. */
export function legacyManagers(mesh: LegacyMeshSpec): MeshObject {
  const kubelet = place(hostPath("kubelet-socket", `${mesh.platform.kubeletRoot}/device-plugins`), devicePlugins);
  const sockets = place(hostPath("nsm-socket", nsmFolder), nsmFolder);
  const plugins = place(hostPath("nsm-plugin-socket", `${nsmFolder}/plugins`), `${nsmFolder}/plugins`);
  const spire = legacySpirePlace();
  const common = [insecureEnv(mesh), ...tracerEnv(mesh)];
  const excluded = mesh.platform.excludedPrefixes;
  const part = (
    name: string,
    more: Readonly<Record<string, unknown>> & Pick<Parameters<typeof container>[0], "env" | "places">,
  ) => container({ name, spec: { image: imageOf(mesh, name), env: [] }, pullPolicy: mesh.pullPolicy, ...more });
  return meshObject(
    mesh,
    "DaemonSet",
    "nsmgr",
    { component, labels: selector },
    {
      spec: {
        selector: { matchLabels: selector },
        updateStrategy: nodeByNode,
        template: {
          metadata: podMetadata(mesh, component, selector),
          spec: {
            serviceAccountName: legacyAccounts.manager,
            ...pullSecrets(mesh),
            containers: [
              part("nsmdp", {
                env: common,
                places: [kubelet, sockets, spire],
                // SELinux keeps unprivileged containers from the kubelet's socket.
                ...(mesh.platform.kind === "openshift" && { securityContext: { privileged: true } }),
              }),
              part("nsmd", { env: common, places: [sockets, plugins, spire], ...hostFiles(mesh), ...legacyProbes() }),
              part("nsmd-k8s", {
                ...hostFiles(mesh),
                env: [
                  ...common,
                  // It collects prefixes from kubeadm's ConfigMap, which other distributions do not have.
                  ...(excluded.length > 0 ? [value("EXCLUDED_PREFIXES", excluded.join(","))] : []),
                  field("POD_NAME", "metadata.name"),
                  field("POD_UID", "metadata.uid"),
                  field("NODE_NAME", "spec.nodeName"),
                ],
                places: [plugins, spire],
              }),
            ],
            volumes: volumesOf([kubelet, sockets, plugins, spire]),
          },
        },
      },
    },
  );
}
