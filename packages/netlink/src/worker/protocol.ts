/** What crosses between the caller's thread and the worker. Plain data only. */
import type { LinkRef } from "../api/objects.ts";
import type { SystemFailure } from "../os/errno.ts";

/** A namespace of a job. `fd` -1 is the process's own, which needs no privilege to enter. */
export interface JobNamespace {
  readonly fd: number;
  /** Keep the netlink socket under this number for later jobs; without, it is closed at the end of the job. */
  readonly socketId?: number;
  readonly label: string;
}

export interface WireFixup {
  readonly offset: number;
  readonly name: string;
  /** Index into the job's namespaces. */
  readonly ns: number;
}

interface UnitBase {
  /** Op of the job to which this belongs; the units of one op stand together. */
  readonly op: number;
  /** Index into the job's namespaces. */
  readonly ns: number;
  /** Run only if an earlier unit of the op worked and a later one failed; its own outcome is not told. */
  readonly undo?: boolean;
}

/** One netlink message at `start`..`end` of the job's bytes. */
export interface SendUnit extends UnitBase {
  readonly run: "send";
  readonly start: number;
  readonly end: number;
  readonly answer: "ack" | "reply" | "dump";
  readonly fixups?: readonly WireFixup[];
  /** A link appears. */
  readonly creates?: boolean;
  /** Names known so far may no longer hold. */
  readonly renames?: boolean;
}

export type Unit =
  | SendUnit
  | (UnitBase & { readonly run: "delete"; readonly links: readonly LinkRef[] })
  | (UnitBase & { readonly run: "sysctl"; readonly path: string; readonly value?: string })
  | (UnitBase & { readonly run: "tap"; readonly tap: TapRequest });

export interface TapRequest {
  readonly name: string;
  readonly mode: "tap" | "tun";
  readonly owner?: number;
  readonly group?: number;
  readonly multiQueue: boolean;
  readonly vnetHeader: boolean;
}

export interface Job {
  readonly bytes: Uint8Array;
  readonly namespaces: readonly JobNamespace[];
  readonly units: readonly Unit[];
  readonly stopOnError: boolean;
}

/** What a unit came to; `null` = done, nothing to tell. */
export type Outcome =
  | null
  | { readonly data: readonly Uint8Array[]; readonly interrupted?: boolean }
  | { readonly text: string }
  | UnitFailure
  | { readonly skipped: true };

export interface UnitFailure {
  readonly errno: number;
  /** The kernel's words. */
  readonly message?: string;
  readonly offset?: number;
  /** The link that a reference named and that does not exist. */
  readonly missingLink?: string;
  /** What failed, when it was not the netlink request itself. */
  readonly doing?: string;
  /** For "delete": links that do not exist, links that the kernel would not delete. */
  readonly missing?: readonly LinkRef[];
  readonly failed?: readonly { readonly link: LinkRef; readonly errno: number; readonly message?: string }[];
}

/** Where a namespace is to be found. */
export type NetnsTarget =
  | { readonly path: string }
  | { readonly ino: number; readonly dev?: number; readonly directory: string };

/** A socket to open in a namespace. Addresses are ready-made struct sockaddr. */
export interface SocketSpec {
  readonly family: number;
  readonly type: number;
  readonly protocol: number;
  readonly options: readonly SocketOption[];
  readonly bind?: Uint8Array;
  readonly listen?: number;
  readonly connect?: Uint8Array;
  readonly doing: string;
}

export interface SocketOption {
  readonly level: number;
  readonly name: number;
  readonly value: Uint8Array;
  /** Failure of this option is no failure. */
  readonly optional?: boolean;
}

export type Call =
  | { readonly call: "job"; readonly job: Job }
  | { readonly call: "closeSocket"; readonly socketId: number }
  | { readonly call: "createNetns"; readonly path?: string; readonly sharedDirectory?: string }
  | { readonly call: "deleteNetns"; readonly path: string }
  | { readonly call: "listNetns"; readonly directory: string }
  | { readonly call: "openNetns"; readonly target: NetnsTarget }
  | { readonly call: "openSocket"; readonly ns: JobNamespace; readonly spec: SocketSpec };

export interface CallValues {
  job: readonly Outcome[];
  closeSocket: null;
  createNetns: number;
  deleteNetns: null;
  listNetns: readonly { readonly name: string; readonly dev: number; readonly ino: number }[];
  openNetns: number;
  openSocket: { readonly fd: number; readonly connecting: boolean };
}

export interface RequestMessage {
  readonly id: number;
  readonly call: Call;
}

export type ReplyMessage =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly failure: SystemFailure }
  /** A bug, not a system call. */
  | { readonly id: number; readonly bug: string };
