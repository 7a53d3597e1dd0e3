import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { PollStatsResponseSchema, StatsPollerService, type StatsSchema } from "@nsmkit/api/configurator";
import { StatsSchema as VppStatsSchema } from "@nsmkit/api/vpp";
import { type Clock, CodedError } from "@nsmkit/core";
import type { Link } from "@nsmkit/netlink";
import { bindService, type ServiceBinding } from "@nsmkit/sdk/transport";

/** A declared interface and its link, with counters. */
export interface InterfaceCounters {
  readonly name: string;
  readonly link: Link;
}

/**
 * `ligato.configurator.StatsPollerService`. The message for statistics knows interfaces of VPP only; its names and
 * counters fit those of Linux, so an agent without VPP sends these in it.
 */
export function statsPollerService(
  read: (signal: AbortSignal) => Promise<readonly InterfaceCounters[]>,
  clock: Clock,
): ServiceBinding {
  return bindService(StatsPollerService, {
    async *pollStats({ periodSec, numPolls }, { signal }) {
      if (periodSec === 0 && numPolls > 1)
        throw new CodedError("INVALID_ARGUMENT", "num_polls is above 1 and period_sec 0; set period_sec to 1 or more");
      for (let poll = periodSec === 0 ? 0 : 1; ; poll++) {
        for (const counters of await read(signal))
          yield create(PollStatsResponseSchema, { pollSeq: poll, stats: statsOf(counters) });
        if (periodSec === 0 || (numPolls > 0 && poll >= numPolls)) return;
        await clock.sleep(periodSec * 1000, { signal });
      }
    },
  });
}

function statsOf({ name, link: { statistics } }: InterfaceCounters): MessageInitShape<typeof StatsSchema> {
  const count = (value: number | undefined): bigint => BigInt(value ?? 0);
  const value = create(VppStatsSchema, {
    interface: {
      name,
      rx: { packets: count(statistics?.rxPackets), bytes: count(statistics?.rxBytes) },
      tx: { packets: count(statistics?.txPackets), bytes: count(statistics?.txBytes) },
      rxError: count(statistics?.rxErrors),
      txError: count(statistics?.txErrors),
      drops: count((statistics?.rxDropped ?? 0) + (statistics?.txDropped ?? 0)),
    },
  });
  return { stats: { case: "vppStats", value } };
}
