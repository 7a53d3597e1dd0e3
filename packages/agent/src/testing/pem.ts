/** Certificates as the files of `grpc.conf` and `http.conf` hold them, for tests. */
import type { Issued, TestCa } from "@nsmkit/sdk/testing";

/** A certificate and its key, PEM. */
export interface Pem {
  readonly cert: string;
  readonly key: string;
}

/** A certificate for a server at 127.0.0.1 and localhost, or for a client. */
export async function pemOf(ca: TestCa, path: string): Promise<Pem> {
  const { certificate, key }: Issued = await ca.issue({ path, hosts: ["127.0.0.1", "localhost"] });
  return { cert: certificate.toString(), key: key.export({ type: "pkcs8", format: "pem" }).toString() };
}

export function rootOf(ca: TestCa): string {
  return ca.root.toString();
}
