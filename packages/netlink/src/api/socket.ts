/** A socket to open inside a namespace. Addresses are literals, never host names. */
export type SocketRequest =
  | {
      readonly kind: "tcp-listen";
      /** Default "::" with IPv4 too where IPv6 exists, else "0.0.0.0". */
      readonly address?: string;
      /** 0 = any free one. */
      readonly port: number;
      readonly backlog?: number;
    }
  | { readonly kind: "tcp-connect"; readonly address: string; readonly port: number; readonly source?: string }
  | {
      readonly kind: "udp";
      readonly address?: string;
      readonly port?: number;
      readonly connect?: { readonly address: string; readonly port: number };
    }
  /** A name without the leading zero byte is a path; abstract names belong to the namespace, paths to the mount table. */
  | { readonly kind: "unix-listen" | "unix-connect"; readonly abstract: string; readonly backlog?: number };
