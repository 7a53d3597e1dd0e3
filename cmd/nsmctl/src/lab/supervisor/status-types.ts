import type { ProcessState } from "./managed-process.ts";

/** What `lab status` tells, and what its JSON form is. */
export interface LabStatus {
  readonly name: string;
  readonly directory: string;
  readonly supervisorPid: number;
  readonly startedMs: number;
  readonly rootless: boolean;
  readonly registry: ProgramStatus;
  readonly nodes: readonly NodeStatus[];
  readonly pods: readonly PodStatus[];
  readonly networkServices: readonly string[];
  readonly connections: readonly ConnectionStatus[];
  /** Links of the Lab document. */
  readonly links: readonly LinkStatus[];
}

export interface LinkStatus {
  readonly ends: readonly {
    readonly kind: "node" | "pod";
    readonly name: string;
    readonly interface: string;
    readonly addresses: readonly string[];
  }[];
}

export interface ProgramStatus {
  readonly name: string;
  readonly state: ProcessState["state"] | "not runnable";
  readonly reason?: string;
  readonly pid?: number;
  readonly restarts: number;
}

export interface NodeStatus {
  readonly name: string;
  readonly address: string;
  readonly pid: number;
  readonly ready: boolean;
  readonly programs: readonly ProgramStatus[];
}

export interface InterfaceStatus {
  readonly name: string;
  readonly kind?: string;
  readonly up: boolean;
  readonly mac?: string;
  readonly mtu: number;
  readonly addresses: readonly string[];
  /** The bridge or VRF that it belongs to. */
  readonly master?: string;
}

export interface ContainerStatus extends ProgramStatus {
  readonly image: string;
  /** Of an agent: what keeps it from being configured; empty when it is. */
  readonly agent?: { readonly microservice: string; readonly problems: readonly string[] };
}

export interface PodStatus {
  readonly name: string;
  readonly namespace: string;
  readonly node: string;
  readonly hostNetwork: boolean;
  readonly pid: number;
  readonly ready: boolean;
  readonly containers: readonly ContainerStatus[];
  /** Without the loopback. */
  readonly interfaces: readonly InterfaceStatus[];
  readonly routes: readonly string[];
}

export interface ConnectionEnd {
  /** Undefined where the end is in no Pod of this lab. */
  readonly pod?: string;
  readonly interface?: string;
  readonly addresses: readonly string[];
}

export interface ConnectionStatus {
  readonly id: string;
  readonly networkService: string;
  readonly payload: string;
  /** How it crosses nodes: "KERNEL" stays on one. */
  readonly mechanism: string;
  readonly state: string;
  readonly client: ConnectionEnd;
  readonly endpoint: ConnectionEnd;
}
