import { isCodedError } from "@nsmkit/core";
import type { Command } from "commander";
import { isObject } from "../../lab/documents/object.ts";
import { exitCodes } from "../../lab/io.ts";
import { type Format, render } from "../../lab/view/output.ts";
import { addTargetOptions } from "../connection/options.ts";
import { type BaseStatus, isSettled, SchedulerApi, valuesOf } from "../connection/scheduler.ts";
import type { Session } from "../connection/session.ts";
import type { AgentContext } from "../context.ts";
import { addOutput, ago, type OutputOptions, outputOf } from "../view/output.ts";

export interface AgentState {
  readonly place: string;
  readonly label?: string;
  /** "OK", "INIT", "ERROR" */
  readonly state: string;
  readonly version: Readonly<Record<string, unknown>> | null;
  /** AgentStatus of /readiness. */
  readonly status: Readonly<Record<string, unknown>>;
  readonly plugins: Readonly<Record<string, { readonly state: string; readonly error?: string }>>;
  /** Number of values per state, derived ones too. */
  readonly values: Readonly<Record<string, number>>;
}

const states = ["INIT", "OK", "ERROR"];

/** `nsmctl agent status` */
export function statusCommand(parent: Command, context: AgentContext): void {
  const command = parent
    .command("status")
    .summary("how the agent is")
    .description(
      "Shows version, state, parts and the number of values per state. Exits 1 when the agent is not ready or a value is not in place.",
    );
  addOutput(command, ["table", "json", "yaml"]);
  addTargetOptions(command, true);
  command.action((options: OutputOptions<Format>) =>
    context.run(command, async (session) => {
      const { state, statuses } = await readState(session);
      session.print(await render(state, outputOf(options, "table"), (one) => stateText(one, Date.now())));
      return state.state === "OK" && statuses.flatMap(valuesOf).every(isSettled) ? exitCodes.ok : exitCodes.failed;
    }),
  );
}

export async function readState(session: Session): Promise<{ state: AgentState; statuses: BaseStatus[] }> {
  const { http } = session;
  const scheduler = new SchedulerApi(http);
  const [readiness, version, statuses] = await Promise.all([
    http.ask("GET", "/readiness"),
    orNothing(http.json("GET", "/info/version")),
    orNothing(scheduler.statuses()).then((list) => list ?? []),
  ]);
  const answer: unknown = JSON.parse(readiness.text || "{}");
  // cn-infra's ExposedStatus wraps the status of the agent; its older form does not.
  const outer = isObject(answer) ? answer : {};
  const status = isObject(outer.agent_status) ? outer.agent_status : outer;
  const values: Record<string, number> = {};
  for (const { state } of statuses.flatMap(valuesOf)) values[state] = (values[state] ?? 0) + 1;
  return {
    state: {
      place: http.place,
      ...(session.givenLabel === undefined ? {} : { label: session.givenLabel }),
      state: wordOf(status.state),
      version: isObject(version) ? version : null,
      status,
      plugins: pluginsOf(outer, status),
      values,
    },
    statuses,
  };
}

/** undefined where the agent has no such path. */
function orNothing<T>(asked: Promise<T>): Promise<T | undefined> {
  return asked.catch((error: unknown) => {
    if (isCodedError(error, "UNSUPPORTED")) return undefined;
    throw error;
  });
}

function pluginsOf(...places: readonly Record<string, unknown>[]): AgentState["plugins"] {
  for (const place of places)
    for (const field of ["PluginStatus", "plugin_status"]) {
      const plugins = place[field];
      if (isObject(plugins))
        return Object.fromEntries(Object.entries(plugins).map(([name, one]) => [name, pluginOf(one)]));
    }
  return {};
}

function pluginOf(plugin: unknown): AgentState["plugins"][string] {
  if (!isObject(plugin)) return { state: "INIT" };
  return { state: wordOf(plugin.state), ...(typeof plugin.error === "string" ? { error: plugin.error } : {}) };
}

function wordOf(state: unknown): string {
  // Protobuf's JSON leaves out 0.
  return typeof state === "string" ? state : (states[Number(state ?? 0)] ?? String(state));
}

export function stateText(
  { place, label, state, version, status, plugins, values }: AgentState,
  nowMs: number,
): string {
  const time = (field: string): string | undefined => {
    const seconds = Number(status[field]);
    return seconds > 0 ? `${new Date(seconds * 1000).toISOString()} (${ago(nowMs - seconds * 1000)} ago)` : undefined;
  };
  const lines: readonly (readonly [string, unknown])[] = [
    ["Agent", place],
    ["Label", label],
    ["Program", version?.App],
    ["Version", version?.Version ?? status.build_version],
    ["Commit", version?.GitCommit || status.commit_hash],
    ["Built", version?.BuildDate || status.build_date],
    ["Started", time("start_time")],
    ["Last change", time("last_change")],
    ["State", state],
  ];
  const told = lines.filter(([, value]) => value !== undefined && value !== "");
  const parts = Object.entries(plugins).map(
    ([name, one]) => `  ${name}: ${one.state}${one.error === undefined ? "" : `: ${one.error}`}\n`,
  );
  const counts = Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    ...told.map(([name, value]) => `${`${name}:`.padEnd(13)}${String(value)}\n`),
    ...(parts.length > 0 ? ["Parts:\n", ...parts] : []),
    ...(counts.length > 0 ? ["Values:\n", ...counts.map(([name, count]) => `  ${name}: ${count}\n`)] : []),
  ].join("");
}
