import { readFile } from "node:fs/promises";
import { readConf } from "@nsmkit/agent/conf";
import type { EtcdOptions } from "@nsmkit/agent/etcd";
import { CodedError } from "@nsmkit/core";

const usualEndpoint = "127.0.0.1:2379";

/** Go writes durations as whole nanoseconds. */
const nsPerMs = 1_000_000;

/**
 * etcd.conf as the agents read it (cn-infra db/keyval/etcd).
 * @throws CodedError NOT_FOUND without the file, INVALID_CONFIG
 */
export async function readEtcdOptions(given: string, directory: string): Promise<EtcdOptions> {
  const conf = await readConf("etcd", given, { directory });
  if (!conf) {
    throw new CodedError(
      "NOT_FOUND",
      `there is no file ${given} with the endpoints of etcd; mount it and name it in ETCD_CONFIG`,
    );
  }
  const endpoints = conf.texts("endpoints") ?? [];
  const [ca, cert, key] = await Promise.all(
    ["ca-file", "cert-file", "key-file"].map(async (name) => {
      const file = conf.text(name);
      return file ? readFile(file, "utf8") : undefined;
    }),
  );
  const skipVerify = conf.flag("insecure-skip-tls-verify") ?? false;
  const tls = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(skipVerify ? { skipVerify } : {}),
  };
  const dial = conf.number("dial-timeout");
  const operation = conf.number("operation-timeout");
  return {
    endpoints: endpoints.length > 0 ? endpoints : [usualEndpoint],
    ...(conf.flag("insecure-transport") || Object.keys(tls).length === 0 ? {} : { tls }),
    ...(dial === undefined ? {} : { dialTimeoutMs: dial / nsPerMs }),
    ...(operation === undefined ? {} : { operationTimeoutMs: operation / nsPerMs }),
  };
}
