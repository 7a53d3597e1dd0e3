import type { NetworkServiceSpec } from "../documents/network-service.ts";

/**
 * What a lab shall be, with every reference resolved: plain JSON that goes from the command line to the supervisor.
 * Two specs with equal JSON are the same lab.
 */
export interface LabSpec {
  readonly name: string;
  readonly description?: string;
  /** Address with length of the underlay bridge: "198.18.0.1/24". */
  readonly gateway: string;
  readonly underlayMtu: number;
  readonly nodes: readonly NodeSpec[];
  readonly links: readonly LinkSpec[];
  readonly networkServices: readonly NetworkServiceSpec[];
  readonly configMaps: readonly ConfigMapSpec[];
  readonly pods: readonly PodSpec[];
  readonly configurations: readonly ConfigurationSpec[];
  readonly checks: readonly CheckSpec[];
  /** The network of Pods and Services; only a lab with Services has one. */
  readonly cluster?: ClusterSpec;
}

export interface ClusterSpec {
  /** The lab's own end of the network, with length: "198.19.0.1/16". */
  readonly gateway: string;
  readonly services: readonly ServiceSpec[];
}

/** A Service: what is sent to a port of its address is forwarded to one of the backends. */
export interface ServiceSpec {
  /** "default/cnf-etcd" */
  readonly name: string;
  readonly address: string;
  readonly ports: readonly ServicePortSpec[];
}

export interface ServicePortSpec {
  readonly port: number;
  /** Also forwarded from this port of every node. */
  readonly nodePort?: number;
  readonly backends: readonly { readonly pod: string; readonly port: number }[];
}

export interface NodeSpec {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** On the underlay, with length. */
  readonly address: string;
}

export interface LinkEndSpec {
  readonly owner: { readonly kind: "node" | "pod"; readonly name: string };
  readonly interface: string;
  readonly addresses: readonly string[];
  readonly mac?: string;
  readonly mtu?: number;
}

/** A veth pair between nodes or Pods, made before the programs in them start. */
export interface LinkSpec {
  /** `a:eth0--b:eth1`. */
  readonly name: string;
  readonly ends: readonly [LinkEndSpec, LinkEndSpec];
}

export interface ConfigMapSpec {
  readonly name: string;
  /** File name -> content, base64. */
  readonly files: Readonly<Record<string, string>>;
}

export type VolumeSpec =
  | {
      readonly name: string;
      readonly type: "configMap";
      readonly configMap: string;
      readonly items?: readonly { readonly key: string; readonly path: string }[];
    }
  | { readonly name: string; readonly type: "emptyDir" }
  /** The node's folder of the mesh socket. */
  | { readonly name: string; readonly type: "mesh" }
  | { readonly name: string; readonly type: "hostPath"; readonly path: string; readonly mustExist: boolean };

export interface MountSpec {
  readonly volume: string;
  readonly path: string;
  readonly subPath?: string;
  readonly readOnly: boolean;
}

export interface ContainerSpec {
  readonly name: string;
  readonly image: string;
  /** Absent: not runnable, for the reason given. */
  readonly command?: readonly string[];
  readonly notRunnable?: string;
  readonly env: readonly (readonly [name: string, value: string])[];
  readonly workingDir: string;
  /** One of our programs that this container runs. */
  readonly program?: string;
  /** Of an agent: MICROSERVICE_LABEL. */
  readonly microservice?: string;
  /** Of an agent that takes its configuration from etcd: the endpoints of its etcd.conf. */
  readonly etcdEndpoints?: readonly string[];
  /** An init container that keeps running beside the others. */
  readonly sidecar?: boolean;
  /** The client that the annotation adds: the user's containers start when it has connected the Pod. */
  readonly connectsPod?: boolean;
}

export type RestartPolicy = "Always" | "OnFailure" | "Never";

export interface PodSpec {
  readonly name: string;
  readonly namespace: string;
  readonly node: string;
  readonly hostname: string;
  readonly hostNetwork: boolean;
  /** On the cluster network, with length; the node's with hostNetwork. Absent where the lab has no such network. */
  readonly clusterAddress?: string;
  /** Programs of this machine that the images bring along at /usr/local/bin. */
  readonly tools?: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly sysctls: readonly { readonly name: string; readonly value: string }[];
  readonly restartPolicy: RestartPolicy;
  readonly graceSeconds: number;
  readonly volumes: readonly VolumeSpec[];
  /** Of all containers: in a lab those of one Pod share one view of the file system. */
  readonly mounts: readonly MountSpec[];
  readonly initContainers: readonly ContainerSpec[];
  readonly containers: readonly ContainerSpec[];
}

/** A CNFConfiguration and the ways to the agents that it is for. */
export interface ConfigurationSpec {
  readonly name: string;
  /** Labels of agents that are given it as a file. */
  readonly microservices: readonly string[];
  readonly document: unknown;
  /** What goes into the etcds that agents have. */
  readonly stored: readonly StoredSpec[];
}

export interface StoredSpec {
  /** As the Pod of the agent knows them. */
  readonly endpoints: readonly string[];
  readonly pod: string;
  readonly pairs: readonly { readonly key: string; readonly value: string }[];
}

export interface OutputRule {
  readonly contains?: readonly string[];
  readonly excludes?: readonly string[];
  /** Regular expressions, multi-line. */
  readonly matches?: readonly string[];
  readonly equals?: string;
}

export interface CheckSpec {
  readonly name: string;
  readonly pod: string;
  readonly container?: string;
  readonly command: readonly string[];
  readonly exitCode: number;
  readonly stdout: OutputRule;
  readonly stderr: OutputRule;
  readonly timeoutMs: number;
  readonly show: boolean;
}

export const meshSocketDirectory = "/var/lib/networkservicemesh";
export const meshSocketUrl = `unix://${meshSocketDirectory}/nsm.io.sock`;

/** A Pod's interface on the cluster network, as on a cluster. */
export const clusterInterface = "eth0";
