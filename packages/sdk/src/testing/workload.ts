import type { MessageInitShape } from "@bufbuild/protobuf";
import { SpiffeWorkloadAPI, type X509SVIDResponseSchema } from "@nsmkit/api/spiffe";
import { type Closable, CodedError, Deferred } from "@nsmkit/core";
import { insecureIdentity } from "../identity/insecure.ts";
import type { Svid } from "../identity/svid.ts";
import { listen } from "../transport/server/listen.ts";
import { bindService } from "../transport/server/service.ts";

/** A SPIFFE agent that hands out what it is told. */
export interface FakeWorkloadApi extends Closable {
  /** For `workloadApi({ endpoint })`. */
  readonly endpoint: string;
  /** Streams that are open now. */
  readonly streams: number;
  /** Gives every caller another identity. */
  rotate(svid: Svid): void;
  /** Answers with any message, also a wrong one. */
  answer(response: MessageInitShape<typeof X509SVIDResponseSchema>): void;
  /** Breaks the open streams, as an agent's restart does. */
  interrupt(): void;
}

/** @param url where to listen, `unix:///path` */
export async function fakeWorkloadApi(url: string, first?: Svid): Promise<FakeWorkloadApi> {
  let response = first && responseOf(first);
  let changed = new Deferred<void>();
  let epoch = 0;
  let streams = 0;
  const wake = (): void => {
    const before = changed;
    changed = new Deferred();
    before.resolve();
  };
  const service = bindService(SpiffeWorkloadAPI, {
    async *fetchX509SVID(_request, call) {
      if (call.metadata.get("workload.spiffe.io")?.[0] !== "true") {
        throw new CodedError("INVALID_ARGUMENT", "the security header is missing");
      }
      const began = epoch;
      const left = new Promise<void>((resolve) =>
        call.signal.addEventListener("abort", () => resolve(), { once: true }),
      );
      streams++;
      try {
        for (let sent: unknown; !call.signal.aborted; ) {
          const { promise } = changed;
          if (epoch !== began) throw new CodedError("UNAVAILABLE", "the agent restarts");
          if (response && response !== sent) {
            sent = response;
            yield response;
          }
          await Promise.race([promise, left]);
        }
      } finally {
        streams--;
      }
    },
  });
  const server = await listen([url], { identity: insecureIdentity({ name: "agent" }), services: [service] });
  const close = (): Promise<void> => server.close();
  return {
    endpoint: url,
    get streams() {
      return streams;
    },
    rotate(svid) {
      response = responseOf(svid);
      wake();
    },
    answer(message) {
      response = message;
      wake();
    },
    interrupt() {
      epoch++;
      wake();
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function responseOf(svid: Svid): MessageInitShape<typeof X509SVIDResponseSchema> {
  const bundles = [...svid.bundles].map(
    ([domain, roots]) => [domain, Buffer.concat(roots.map((root) => root.raw))] as const,
  );
  const own = new URL(svid.spiffeId).host;
  return {
    svids: [
      {
        spiffeId: svid.spiffeId,
        x509Svid: Buffer.concat(svid.chain.map((certificate) => certificate.raw)),
        x509SvidKey: svid.privateKey.export({ type: "pkcs8", format: "der" }),
        bundle: bundles.find(([domain]) => domain === own)?.[1] ?? new Uint8Array(0),
      },
    ],
    federatedBundles: Object.fromEntries(
      bundles.filter(([domain]) => domain !== own).map(([domain, roots]) => [`spiffe://${domain}`, roots]),
    ),
  };
}
