import { latestRelease } from "../../versions/releases.ts";
import { meshObject, podMetadata } from "../object.ts";
import type { MeshObject } from "../phase.ts";
import {
  type ContainerOptions,
  container,
  field,
  hostPath,
  imageAt,
  nsmFolder,
  place,
  pullSecrets,
  value,
  volumesOf,
} from "../pod.ts";
import { accounts } from "./accounts.ts";
import { type ModernContext, nodeByNode } from "./common.ts";

/** How a driver's programs are placed on a node; the kubelet knows the driver by its name. */
export interface CsiDriverOptions {
  /** "csi.networkservicemesh.io". */
  readonly driver: string;
  readonly component: string;
  readonly name: string;
  readonly account: string;
  readonly namespace?: string;
  readonly image: string;
  /** The node's folder that the driver gives to Pods. */
  readonly folder: string;
  readonly program: (
    socketFolder: string,
    csiFolder: string,
  ) => Pick<ContainerOptions, "env"> & { readonly args?: readonly string[] };
}

const registrar = "registry.k8s.io/sig-storage/csi-node-driver-registrar:v2.8.0";
const socketFolder = "/shared";
const csiFolder = "/csi";

/**
 * A driver that gives Pods a folder of the node, as an inline volume, so that they need no hostPath of their own: Pod
 * Security baseline and restricted allow such volumes. The kubelet's folders keep their paths inside, since the kubelet
 * hands over paths of the node.
 */
export function csiDriver({ mesh }: ModernContext, options: CsiDriverOptions): MeshObject[] {
  const { driver, name, component, namespace } = options;
  const at = { component, ...(namespace !== undefined && { namespace }) };
  const selector = { app: name };
  const root = mesh.platform.kubeletRoot;
  const shared = place(hostPath("shared", options.folder), socketFolder, { readOnly: true });
  const csi = place(hostPath("csi", `${root}/plugins/${driver}`), csiFolder);
  const registration = place(hostPath("registration", `${root}/plugins_registry`, "Directory"), "/registration");
  const pods = hostPath("pods", `${root}/pods`, "Directory");
  // What is mounted for a Pod after this container has started must show on the node.
  const mounts = {
    volume: pods,
    mount: { name: "pods", mountPath: `${root}/pods`, mountPropagation: "Bidirectional" },
  };
  const openshift = { "security.openshift.io/csi-ephemeral-volume-profile": "restricted" };
  return [
    meshObject(
      mesh,
      "CSIDriver",
      driver,
      // Without it OpenShift refuses the driver's volumes in namespaces that are not privileged.
      { component, ...(mesh.platform.kind === "openshift" && { labels: openshift }) },
      {
        spec: {
          attachRequired: false,
          podInfoOnMount: true,
          fsGroupPolicy: "None",
          volumeLifecycleModes: ["Ephemeral"],
        },
      },
    ),
    meshObject(
      mesh,
      "DaemonSet",
      name,
      { ...at, labels: selector },
      {
        spec: {
          selector: { matchLabels: selector },
          updateStrategy: nodeByNode,
          template: {
            metadata: podMetadata(mesh, component, selector),
            spec: {
              serviceAccountName: options.account,
              automountServiceAccountToken: false,
              ...pullSecrets(mesh),
              containers: [
                container({
                  name,
                  spec: { image: options.image, env: [] },
                  pullPolicy: mesh.pullPolicy,
                  places: [shared, csi, mounts],
                  securityContext: { privileged: true },
                  ...options.program(socketFolder, csiFolder),
                }),
                container({
                  name: "node-driver-registrar",
                  spec: { image: imageAt(mesh, registrar), env: [] },
                  pullPolicy: mesh.pullPolicy,
                  env: [],
                  places: [csi, registration],
                  // Its socket is for the kubelet, out of reach of confined processes where SELinux rules.
                  ...(mesh.platform.kind === "openshift" && { securityContext: { privileged: true } }),
                  args: [
                    `-csi-address=${csiFolder}/csi.sock`,
                    `-kubelet-registration-path=${root}/plugins/${driver}/csi.sock`,
                  ],
                }),
              ],
              volumes: volumesOf([shared, csi, mounts, registration]),
            },
          },
        },
      },
    ),
  ];
}

/** Upstream's driver for the manager's socket. */
export const nsmCsi = (context: ModernContext): MeshObject[] =>
  csiDriver(context, {
    driver: "csi.networkservicemesh.io",
    component: "csi",
    name: "nsm-csi",
    account: accounts.csi,
    image: `${context.mesh.imageRepository}/cmd-csi-driver:${context.features?.version ?? latestRelease}`,
    folder: nsmFolder,
    program: (socket, csi) => ({
      env: [
        field("NSM_NODE_NAME", "spec.nodeName"),
        value("NSM_SOCKET_DIR", socket),
        value("NSM_CSI_SOCKET_PATH", `${csi}/csi.sock`),
        value("NSM_VERSION", context.mesh.version),
      ],
    }),
  });
