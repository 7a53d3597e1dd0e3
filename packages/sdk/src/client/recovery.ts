import { create } from "@bufbuild/protobuf";
import {
  type Connection,
  type Mechanism,
  MonitorConnection,
  MonitorScopeSelectorSchema,
  State,
} from "@nsmkit/api/networkservice";
import { type Clock, type Logger, messageOf } from "@nsmkit/core";
import { bounded } from "../chain/bounded.ts";
import type { LivenessCheck } from "../networkservice/common/heal/client.ts";
import { filePath } from "../networkservice/common/mechanisms/sendfd/file-url.ts";
import { parameter } from "../networkservice/common/mechanisms/types.ts";
import { cloneConnection, forgetChoice } from "../networkservice/core/connection.ts";
import type { ChannelPool } from "../transport/client/pool.ts";
import { inodeUrl } from "../transport/index.ts";

export interface RecoveryOptions {
  readonly name: string;
  readonly connectTo: string;
  readonly netnsUrl: string;
  readonly channels: Pick<ChannelPool, "acquire">;
  readonly livenessCheck?: LivenessCheck | undefined;
  readonly livenessTimeoutMs?: number | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How long a client waits at its first request for an nsmgr that does not say what it holds, ms. */
const askTimeoutMs = 2_000;

/**
 * Finds connections that the nsmgr still holds from an earlier life of this client, so that a client that was started
 * again takes over its interfaces and addresses. It asks once.
 */
export class Recovery {
  readonly #options: RecoveryOptions;
  #earlier: Promise<Map<string, Connection>> | undefined;

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  /** Fills in what is known of a connection that is about to be requested. */
  async fill(connection: Connection, wanted: readonly Mechanism[], signal: AbortSignal | undefined): Promise<void> {
    const { logger } = this.#options;
    this.#earlier ??= this.#ask(signal);
    const known = (await this.#earlier).get(connection.id);
    if (known?.networkService !== connection.networkService) return;
    connection.path = known.path;
    connection.context ??= known.context;
    connection.mechanism = known.mechanism;
    connection.networkServiceEndpointName ||= known.networkServiceEndpointName;
    const usable = isWanted(known.mechanism, wanted) && this.#takeNetns(connection) && (await this.#works(known));
    logger.info("taking over a connection of an earlier life", { connection: connection.id, usable });
    if (usable) return;
    forgetChoice(connection);
    connection.state = State.RESELECT_REQUESTED;
  }

  /** The first event is the whole state. A large one comes in parts; what is not in the first meets a plain request. */
  async #ask(signal: AbortSignal | undefined): Promise<Map<string, Connection>> {
    const { name, connectTo, channels, clock, logger } = this.#options;
    const found = new Map<string, Connection>();
    using time = bounded(clock, askTimeoutMs, "asking for earlier connections", [signal]);
    const lease = channels.acquire(connectTo);
    const selector = create(MonitorScopeSelectorSchema, { pathSegments: [{ name }] });
    try {
      const method = MonitorConnection.method.monitorConnections;
      for await (const event of lease.channel.serverStream(method, selector, { signal: time.signal })) {
        for (const theirs of Object.values(event.connections)) {
          const first = theirs.path?.pathSegments[0];
          if (theirs.path?.index === 1 && first?.name === name) found.set(first.id, asOurs(theirs, first.id));
        }
        break;
      }
    } catch (error) {
      logger.info("could not ask for earlier connections", { target: connectTo, reason: messageOf(error) });
    } finally {
      lease.release();
    }
    return found;
  }

  /** @returns false if the interface is in a namespace that is not ours any more */
  #takeNetns({ mechanism }: Connection): boolean {
    const { netnsUrl } = this.#options;
    const theirs = mechanism?.parameters[parameter.inodeUrl];
    if (!mechanism || theirs === undefined || theirs === netnsUrl) return true;
    const path = filePath(netnsUrl);
    if (path === undefined || theirs !== inodeUrl(path)) return false;
    mechanism.parameters[parameter.inodeUrl] = netnsUrl;
    return true;
  }

  async #works(known: Connection): Promise<boolean> {
    const { livenessCheck, livenessTimeoutMs = 100, clock } = this.#options;
    if (known.state !== State.DOWN) return true;
    if (!livenessCheck) return false;
    using time = bounded(clock, livenessTimeoutMs, "checking the data plane");
    return await livenessCheck(known, { signal: time.signal }).catch(() => false);
  }
}

function asOurs(theirs: Connection, id: string): Connection {
  const ours = cloneConnection(theirs);
  ours.id = id;
  if (ours.path) ours.path.index = 0;
  return ours;
}

const isWanted = (mechanism: Mechanism | undefined, wanted: readonly Mechanism[]): boolean =>
  wanted.some(({ type, parameters }) => {
    const name = parameters[parameter.interfaceName];
    return type === mechanism?.type && (name === undefined || name === mechanism.parameters[parameter.interfaceName]);
  });
