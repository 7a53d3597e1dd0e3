import { stringify } from "yaml";
import { dumpModels } from "../commands/dump.ts";
import { readLoggers } from "../commands/log.ts";
import { readState, stateText } from "../commands/status.ts";
import { valuesText } from "../commands/values.ts";
import { SchedulerApi, type View } from "../connection/scheduler.ts";
import type { Session } from "../connection/session.ts";
import { listKeys } from "../kvdb/kvdb.ts";
import { agentModels, splitKey } from "../model/models.ts";
import { readConfiguration } from "../read/configuration.ts";
import { configurationText } from "../view/configuration.ts";
import { historyText } from "../view/history.ts";

export interface ReportPart {
  readonly file: string;
  /** For the list of contents. */
  readonly what: string;
  /** A text, or a value that becomes JSON. */
  read(session: Session): Promise<unknown>;
}

const dump = (view: View, what: string): ReportPart => ({
  file: `dump-${view.toLowerCase()}.yaml`,
  what,
  read: async (session) => stringify(await dumpModels(session, ["all"], view)),
});

/** What a report is made of, each read by itself. */
export const reportParts: readonly ReportPart[] = [
  {
    file: "status.txt",
    what: "version, state, parts, number of values per state",
    read: async (session) => stateText((await readState(session)).state, Date.now()),
  },
  { file: "status.json", what: "the same for programs", read: async (session) => (await readState(session)).state },
  {
    file: "configuration.yaml",
    what: "what the agent was asked for",
    read: async (session) => configurationText(await readConfiguration(session, {}), "yaml"),
  },
  {
    file: "values.txt",
    what: "what became of every value",
    read: async (session) => valuesText(await new SchedulerApi(session.http).statuses(), splitKey),
  },
  { file: "values.json", what: "the same for programs", read: (session) => new SchedulerApi(session.http).statuses() },
  {
    file: "history.txt",
    what: "transactions, with errors",
    read: async (session) =>
      historyText(await new SchedulerApi(session.http).history(), { details: true, nowMs: Date.now() }),
  },
  {
    file: "history.json",
    what: "transactions with all values",
    read: (session) => new SchedulerApi(session.http).history(),
  },
  dump("NB", "values as asked for"),
  dump("cached", "values that the agent believes to be in the system"),
  dump("SB", "values that it finds there now"),
  {
    file: "graph.json",
    what: "values with their relations",
    read: (session) => session.http.json("GET", "/scheduler/graph-snapshot"),
  },
  {
    file: "statistics.json",
    what: "durations and counts",
    read: (session) => session.http.json("GET", "/scheduler/stats"),
  },
  { file: "metrics.txt", what: "figures for Prometheus", read: (session) => session.http.text("GET", "/metrics") },
  { file: "loggers.json", what: "levels of loggers", read: (session) => readLoggers(session) },
  {
    file: "models.json",
    what: "models that the agent knows",
    read: async (session) => (await agentModels(session)).map(({ model: _model, ...rest }) => rest),
  },
];

/** Where etcd is named. */
export const etcdPart: ReportPart = {
  file: "etcd.yaml",
  what: "what etcd has for the agent",
  read: async (session) =>
    stringify(await listKeys(session, session.givenLabel ? `${session.givenLabel}/` : "", false)),
};
