import { CodedError, isCodedError } from "@nsmkit/core";
import type { Command } from "commander";
import { type Format, render } from "../../lab/view/output.ts";
import { table } from "../../lab/view/table.ts";
import { addTargetOptions } from "../connection/options.ts";
import type { Session } from "../connection/session.ts";
import type { AgentContext } from "../context.ts";
import { addOutput, type OutputOptions, outputOf } from "../view/output.ts";
import { type Metric, readMetrics } from "../view/prometheus.ts";

/** `nsmctl agent metrics` */
export function metricsCommand(parent: Command, context: AgentContext): void {
  const metrics = parent
    .command("metrics")
    .summary("figures of the agent")
    .description("Shows what the agent tells Prometheus.");
  const list = metrics
    .command("list")
    .alias("ls")
    .summary("which figures there are")
    .description("Shows the names of the figures and what they mean.")
    .argument("[pattern...]", "parts of names");
  addOutput(list, ["table", "json", "yaml"]);
  addTargetOptions(list, true);
  list.action((patterns: string[], options: OutputOptions<Format>) =>
    context.run(list, async (session) => {
      const all = (await ask(session, patterns)).map(({ name, type, help }) => ({ name, type, help }));
      const rows = all.map(({ name, type, help }) => [name, type, help]);
      session.print(await render(all, outputOf(options, "table"), () => table(["METRIC", "TYPE", "MEANING"], rows)));
      return 0;
    }),
  );
  const get = metrics
    .command("get")
    .summary("their values")
    .description("Shows the values of figures.")
    .argument("[pattern...]", "parts of names; a model of class metrics of Ligato, such as govppmux.stats");
  addOutput(get, ["table", "json", "yaml"]);
  addTargetOptions(get, true);
  get.action((patterns: string[], options: OutputOptions<Format>) =>
    context.run(get, async (session) => {
      const format = outputOf(options, "table");
      const [only, second] = patterns;
      if (only !== undefined && second === undefined && /^[a-z]+\.[a-z]+$/.test(only)) {
        const stats = await session.http.json("GET", `/metrics/${only}`);
        session.print(await render(stats, format, (value) => `${JSON.stringify(value, null, 2)}\n`));
        return 0;
      }
      const all = await ask(session, patterns);
      const rows = all.flatMap(({ samples }) => samples.map(({ name, labels, value }) => [name, labels, value]));
      session.print(await render(all, format, () => table(["METRIC", "LABELS", "VALUE"], rows)));
      return 0;
    }),
  );
}

async function ask(session: Session, patterns: readonly string[]): Promise<Metric[]> {
  const text = await session.http.text("GET", "/metrics").catch((cause: unknown) => {
    if (!isCodedError(cause, "UNSUPPORTED")) throw cause;
    throw new CodedError("UNSUPPORTED", `${cause.message}; it was built without the telemetry plugin`, { cause });
  });
  const found = readMetrics(text).filter(
    ({ name }) => patterns.length === 0 || patterns.some((pattern) => name.includes(pattern)),
  );
  if (found.length === 0)
    throw new CodedError("NOT_FOUND", `the agent has no figure whose name contains ${patterns.join(" or ")}`);
  return found;
}
