import { createPrivateKey, type X509Certificate } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { SpiffeWorkloadAPI, X509SVIDRequestSchema, type X509SVIDResponse } from "@nsmkit/api/spiffe";
import { backoffDelay, CodedError, type Logger, silentLogger, systemClock } from "@nsmkit/core";
import { dial } from "../transport/client/channel.ts";
import { insecureIdentity } from "./insecure.ts";
import { parseSpiffeId } from "./spiffeid.ts";
import { makeSvid, type Svid, type SvidSource, splitDer } from "./svid.ts";

export interface WorkloadApiOptions {
  /** `SPIFFE_ENDPOINT_SOCKET`: `unix:///path` or `tcp://address:port`. */
  readonly endpoint: string;
  readonly logger?: Logger;
}

/** Required of every caller, SPIFFE Workload Endpoint specification section 3: proof that no browser was tricked into it. */
const metadata = new Map([["workload.spiffe.io", ["true"]]]);
const backoff = { initialMs: 200, maxMs: 5000 };

/** Identities from the SPIFFE agent of this machine, by a stream that is opened again whenever it breaks. */
export function workloadApi(options: WorkloadApiOptions): SvidSource {
  const { endpoint, logger = silentLogger } = options;
  return async function* ({ signal }) {
    await using channel = dial(endpoint, { identity: insecureIdentity({ name: "workload" }) });
    for (let failures = 0; ; ) {
      try {
        const request = create(X509SVIDRequestSchema);
        const { fetchX509SVID } = SpiffeWorkloadAPI.method;
        for await (const response of channel.serverStream(fetchX509SVID, request, { signal, metadata })) {
          yield svidOf(endpoint, response);
          failures = 0;
        }
        throw new CodedError("UNAVAILABLE", "the agent ended the stream of identities");
      } catch (error) {
        if (signal.aborted) return;
        failures++;
        logger.warn("no identity from the SPIFFE agent yet", { endpoint, error });
        await systemClock.sleep(backoffDelay(failures, backoff), { signal }).catch(() => {});
        if (signal.aborted) return;
      }
    }
  };
}

/** The first identity is the default one. */
function svidOf(endpoint: string, response: X509SVIDResponse): Svid {
  const [first] = response.svids;
  if (!first)
    throw new CodedError("PERMISSION_DENIED", `the SPIFFE agent at ${endpoint} has no identity for this program`);
  const source = `the SPIFFE agent at ${endpoint}`;
  try {
    const key = Buffer.from(first.x509SvidKey);
    const federated = new Map<string, X509Certificate[]>();
    for (const [id, roots] of Object.entries(response.federatedBundles)) {
      federated.set(parseSpiffeId(id).trustDomain, splitDer(roots));
    }
    return makeSvid(source, {
      chain: splitDer(first.x509Svid),
      privateKey: createPrivateKey({ key, format: "der", type: "pkcs8" }),
      bundle: splitDer(first.bundle),
      federated,
    });
  } catch (cause) {
    if (cause instanceof CodedError) throw cause;
    throw new CodedError("INVALID_CONFIG", `identity from ${source}: it does not parse`, { cause });
  }
}
