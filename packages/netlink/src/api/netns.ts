import type { Closable } from "@nsmkit/core";

/** What makes two references the same namespace (nsfs inode). */
export interface NetnsIdentity {
  readonly dev: number;
  readonly ino: number;
}

/**
 * An open network namespace. It keeps the namespace alive; its owner closes it. `close()` waits for requests already
 * under way in it and does not delete a name.
 */
export interface Netns extends Closable {
  readonly identity: NetnsIdentity;
  /** File descriptor of this process; valid until `close()`. Do not close it elsewhere. */
  readonly fd: number;
  /** How it was opened, for messages: a path, "pid 17", "anonymous" ... */
  readonly label: string;
}

/**
 * How to find a namespace: by name under the namespace directory, by path of an nsfs file, by a process in it, by an
 * open descriptor (duplicated, the caller keeps its own), or by inode among processes and named namespaces.
 */
export type NetnsRef =
  | { readonly name: string }
  | { readonly path: string }
  | { readonly pid: number }
  | { readonly fd: number }
  | { readonly ino: number; readonly dev?: number };

export interface NamedNetns {
  readonly name: string;
  readonly path: string;
  readonly identity: NetnsIdentity;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

/** Namespaces of this machine. */
export interface Namespaces {
  /** The namespace in which this process started. Not closable by callers: `close()` does nothing. */
  readonly current: Netns;
  /**
   * Makes a namespace with its loopback down, as the kernel does.
   * With a name or path it is bind-mounted there and survives this process; without, it lives as long as it is open.
   * @throws CodedError ALREADY_EXISTS (name taken), PERMISSION_DENIED, INVALID_ARGUMENT (bad name)
   */
  create(options?: { readonly name?: string; readonly path?: string } & CallOptions): Promise<Netns>;
  /**
   * Removes the name. The namespace itself goes when nobody has it open and no process is in it.
   * @throws CodedError NOT_FOUND, PERMISSION_DENIED
   */
  delete(target: { readonly name: string } | { readonly path: string }, options?: CallOptions): Promise<void>;
  /** Names under the namespace directory, sorted. Files there that are no namespaces are left out. */
  list(options?: CallOptions): Promise<readonly NamedNetns[]>;
  /** @throws CodedError NOT_FOUND, PERMISSION_DENIED, INVALID_ARGUMENT (it is not a network namespace) */
  open(ref: NetnsRef, options?: CallOptions): Promise<Netns>;
}
