import { X509Certificate } from "node:crypto";
import type { SecureContext } from "node:tls";
import { abortable, type Clock, CodedError, Deferred, type Logger, silentLogger, systemClock } from "@nsmkit/core";
import type { Identity, Peer, TlsSource } from "../transport/api.ts";
import { defaultTokenLifeMs, reusePart } from "./insecure.ts";
import { notAfterMs, type Svid, type SvidSource } from "./svid.ts";
import { signToken } from "./token.ts";
import { secureContextOf, verifyPeer } from "./trust.ts";

export interface SpiffeIdentityOptions {
  /** `workloadApi(...)` or `pemFiles(...)`. */
  readonly source: SvidSource;
  /** Life of a token, ms; default 600,000 (NSM_MAX_TOKEN_LIFETIME). */
  readonly tokenLifeMs?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Ends the wait for the first identity. */
  readonly signal?: AbortSignal;
}

/**
 * An identity by X.509-SVID: mutual TLS, tokens signed with its key.
 * @returns as soon as the source gave the first identity
 * @throws what the source throws; INVALID_CONFIG for an identity that cannot be used; DEADLINE_EXCEEDED, ABORTED
 */
export async function spiffeIdentity(options: SpiffeIdentityOptions): Promise<Identity> {
  const closing = new AbortController();
  const first = new Deferred<SpiffeIdentity>();
  const following = follow(options, closing, first);
  try {
    const identity = await abortable(first.promise, options.signal, "waiting for the first SPIFFE identity");
    identity.following = following;
    return identity;
  } catch (error) {
    closing.abort();
    first.promise.catch(() => {});
    await following;
    throw error;
  }
}

async function follow(
  options: SpiffeIdentityOptions,
  closing: AbortController,
  first: Deferred<SpiffeIdentity>,
): Promise<void> {
  let identity: SpiffeIdentity | undefined;
  try {
    for await (const svid of options.source({ signal: closing.signal })) {
      if (closing.signal.aborted) return;
      if (identity) identity.rotate(svid);
      else {
        identity = new SpiffeIdentity(svid, options, closing);
        first.resolve(identity);
      }
    }
    first.reject(new CodedError("UNAVAILABLE", "the source of identities ended without one"));
  } catch (error) {
    first.reject(error);
    if (identity && !closing.signal.aborted) {
      (options.logger ?? silentLogger).error("the identity cannot be renewed any more", { error });
    }
  }
}

/** One SVID and what was made of it. */
interface Generation {
  readonly svid: Svid;
  readonly leaf: Uint8Array;
  readonly endMs: number;
  readonly context: SecureContext;
  /** By audience. */
  readonly tokens: Map<string, { token: string; expiresMs: number; reuseUntilMs: number }>;
}

/** Earlier SVIDs that connections may still use, at most; each lives half of its certificate's life or less. */
const keptGenerations = 8;
/** Audiences with a token at hand, at most. */
const keptTokens = 1000;

class SpiffeIdentity implements Identity {
  readonly mode = "spiffe";
  readonly tls: TlsSource;
  following: Promise<void> = Promise.resolve();
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #tokenLifeMs: number;
  readonly #closing: AbortController;
  readonly #listeners = new Set<() => void>();
  /** The current one is the first. */
  readonly #generations: Generation[] = [];

  constructor(svid: Svid, options: SpiffeIdentityOptions, closing: AbortController) {
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#tokenLifeMs = options.tokenLifeMs ?? defaultTokenLifeMs;
    this.#closing = closing;
    this.#generations.push(generationOf(svid));
    this.tls = {
      secureContext: () => this.#current.context,
      verifyPeer: (leaf) => verifyPeer(leaf, this.#current.svid),
      onRotated: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
    };
  }

  get spiffeId(): string {
    return this.#current.svid.spiffeId;
  }

  get #current(): Generation {
    return this.#generations[0] as Generation;
  }

  /** New connections and, once theirs are gone, all tokens use `svid`. */
  rotate(svid: Svid): void {
    this.#generations.unshift(generationOf(svid));
    this.#generations.length = Math.min(this.#generations.length, keptGenerations);
    this.#logger.info("identity rotated", { spiffeId: svid.spiffeId, validUntil: svid.chain[0].validTo });
    for (const listener of this.#listeners) listener();
  }

  async token(
    peer: Pick<Peer, "spiffeId" | "certificate" | "localCertificate">,
  ): Promise<{ token: string; expiresMs: number }> {
    const now = this.#clock.now();
    const generation = this.#generationOf(peer.localCertificate);
    const audience = peer.spiffeId ?? "";
    let made = generation.tokens.get(audience);
    if (!made || now >= made.reuseUntilMs) {
      made = this.#sign(generation, audience, now);
      if (generation.tokens.size >= keptTokens) generation.tokens.clear();
      generation.tokens.set(audience, made);
    }
    const peerEndMs = peer.certificate ? endOf(peer.certificate) : Number.POSITIVE_INFINITY;
    return { token: made.token, expiresMs: Math.min(made.expiresMs, peerEndMs) };
  }

  #sign(
    generation: Generation,
    audience: string,
    now: number,
  ): { token: string; expiresMs: number; reuseUntilMs: number } {
    const spiffeId = generation.svid.spiffeId;
    const expiresMs = Math.floor(Math.min(now + this.#tokenLifeMs, generation.endMs) / 1000) * 1000;
    if (expiresMs <= now) {
      throw new CodedError(
        "UNAUTHENTICATED",
        `the certificate of ${spiffeId} ended at ${new Date(generation.endMs).toISOString()} and was not renewed; see whether the SPIFFE agent runs`,
        { retryable: true },
      );
    }
    const token = signToken(
      { spiffeId, audience: audience === "" ? [] : [audience], expiresMs },
      generation.svid.privateKey,
    );
    return { token, expiresMs, reuseUntilMs: now + (expiresMs - now) * reusePart };
  }

  /** The generation whose certificate a connection uses. */
  #generationOf(leaf: Uint8Array | undefined): Generation {
    const current = this.#current;
    if (!leaf || sameBytes(leaf, current.leaf)) return current;
    return this.#generations.find((one) => sameBytes(leaf, one.leaf)) ?? current;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#listeners.clear();
    await this.following;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function generationOf(svid: Svid): Generation {
  const [leaf] = svid.chain;
  return { svid, leaf: leaf.raw, endMs: notAfterMs(leaf), context: secureContextOf(svid), tokens: new Map() };
}

const sameBytes = (one: Uint8Array, other: Uint8Array): boolean => one === other || Buffer.compare(one, other) === 0;

const ends = new WeakMap<Uint8Array, number>();

function endOf(certificate: Uint8Array): number {
  let end = ends.get(certificate);
  if (end === undefined) {
    end = notAfterMs(new X509Certificate(certificate));
    ends.set(certificate, end);
  }
  return end;
}
