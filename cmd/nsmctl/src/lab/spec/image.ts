/** What a container's image means in a lab, where nothing is pulled. */
export type ImageProgram =
  | { readonly program: "nsm-agent-linux" | "nsc" }
  | { readonly notRunnable: string }
  | undefined;

/** Our programs by the last part of an image's name, whatever the registry and tag. */
const programs: Readonly<Record<string, "nsm-agent-linux" | "nsc">> = {
  "nsm-agent-linux": "nsm-agent-linux",
  nsc: "nsc",
  "cmd-nsc": "nsc",
  "cmd-nsc-init": "nsc",
};

const ownByLab =
  "the lab brings its own mesh and delivers CNFConfigurations itself, so this container is not needed here";

/** Programs of a cluster's mesh that a manifest may carry along. */
const infrastructure = /^(cmd-)?(nsmgr|registry-(k8s|memory)|forwarder-\w+|nsm-registry|nsm-forwarder|cnf-crd)$/;

/** What images bring along that a lab takes from this machine. */
const imageTools: Readonly<Record<string, readonly string[]>> = { etcd: ["etcd", "etcdctl"] };

export function toolsOf(image: string): readonly string[] {
  const name = imageName(image);
  return Object.hasOwn(imageTools, name) ? (imageTools[name] ?? []) : [];
}

/** "quay.io/x/nsm-agent-linux:v3.1.0@sha256:..." -> "nsm-agent-linux" */
export function imageName(image: string): string {
  const path = image.split("@")[0] ?? "";
  const last = path.slice(path.lastIndexOf("/") + 1);
  return last.split(":")[0] ?? "";
}

export const isVppAgent = (image: string): boolean => imageName(image) === "nsm-agent-vpp";

export function programOf(image: string): ImageProgram {
  const name = imageName(image);
  if (Object.hasOwn(programs, name)) {
    const program = programs[name];
    return program && { program };
  }
  if (isVppAgent(image))
    return { notRunnable: "nsm-agent-vpp is not available in this version; use nsm-agent-linux and the Linux models" };
  if (infrastructure.test(name)) return { notRunnable: ownByLab };
  return undefined;
}
