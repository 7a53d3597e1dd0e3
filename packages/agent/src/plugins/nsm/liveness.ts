import type { Connection } from "@nsmkit/api/networkservice";
import { type Logger, messageOf, silentLogger } from "@nsmkit/core";
import type { Handle } from "@nsmkit/netlink";
import type { LivenessCheck } from "@nsmkit/sdk/networkservice";

/** Longer than any agent lives: see `livenessCheck`. */
export const livenessIntervalMs = 365 * 24 * 3_600_000;
/** A busy machine may take its time to answer; a link that is gone is seen at once. */
export const livenessTimeoutMs = 2_000;
/** One request is answered nearly always; a busy machine gets the rest of the time. */
const attempts = [
  { count: 1, timeoutMs: 500 },
  { count: 3, intervalMs: 100, timeoutMs: 1_000 },
];

/**
 * Whether packets still cross, asked when the control plane of a connection has gone away: a connection that works is
 * then left in place until the control plane is back. The link must have a carrier, and the endpoint's addresses must
 * answer an echo request. Without addresses on both ends it cannot be told, which counts as no.
 *
 * It is not asked in between: rules of a network function may well drop echo requests of a connection that is fine.
 */
export function livenessCheck(handle: Pick<Handle, "linkGet" | "ping">, logger: Logger = silentLogger): LivenessCheck {
  return async (connection, { signal }) => {
    const name = connection.mechanism?.parameters.name;
    const dead = (reason: string): false => {
      logger.info("packets of a connection do not cross", { connection: connection.id, link: name, reason });
      return false;
    };
    const pairs = addressPairs(connection);
    if (name === undefined || pairs.length === 0) return dead("it has no addresses to ask");
    try {
      const link = await handle.linkGet(name, { signal });
      if (!link.up || !link.carrier) return dead("the link has no carrier");
      const answers = await Promise.all(pairs.map((pair) => answersPing(handle, pair, signal)));
      return answers.every(Boolean) || dead("an address of the endpoint does not answer");
    } catch (error) {
      return dead(messageOf(error));
    }
  };
}

async function answersPing(
  handle: Pick<Handle, "ping">,
  [source, destination]: readonly [string, string],
  signal: AbortSignal,
): Promise<boolean> {
  for (const attempt of attempts)
    if ((await handle.ping({ source, destination, ...attempt, signal })).received > 0) return true;
  return false;
}

function addressPairs({ context }: Connection): [source: string, destination: string][] {
  const { srcIpAddrs = [], dstIpAddrs = [] } = context?.ipContext ?? {};
  const plain = (prefix: string): string => prefix.split("/")[0] ?? "";
  const isV6 = (text: string): boolean => text.includes(":");
  return srcIpAddrs.map(plain).flatMap((source) =>
    dstIpAddrs
      .map(plain)
      .filter((destination) => isV6(source) === isV6(destination))
      .map((destination): [string, string] => [source, destination]),
  );
}
