import type { HistoryOptions } from "@nsmkit/scheduler";
import type { Conf } from "./conf.ts";

/** What kvscheduler.conf says (ligato/vpp-agent plugins/kvscheduler). */
export interface SchedulerConf {
  readonly history: HistoryOptions;
  /** Plan every transaction before it is executed. */
  readonly simulate?: boolean;
}

/** @throws CodedError INVALID_CONFIG naming file, setting and value */
export function readSchedulerConf(conf: Conf | undefined): SchedulerConf {
  if (!conf) return { history: {} };
  // Transactions are summed up in the log in any case.
  conf.accept("print-txn-summary");
  const record = conf.flag("record-transaction-history");
  const ageLimitMinutes = conf.number("transaction-history-age-limit");
  const permanentlyRecordedInitPeriodMinutes = conf.number("permanently-recorded-init-period");
  const simulate = conf.flag("enable-txn-simulation");
  return {
    history: {
      ...(record === undefined ? {} : { record }),
      ...(ageLimitMinutes === undefined ? {} : { ageLimitMinutes }),
      ...(permanentlyRecordedInitPeriodMinutes === undefined ? {} : { permanentlyRecordedInitPeriodMinutes }),
    },
    ...(simulate === undefined ? {} : { simulate }),
  };
}
