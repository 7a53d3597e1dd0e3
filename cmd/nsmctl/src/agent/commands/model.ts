import { CodedError } from "@nsmkit/core";
import type { Command } from "commander";
import { type Format, render } from "../../lab/view/output.ts";
import { table } from "../../lab/view/table.ts";
import { addTargetOptions } from "../connection/options.ts";
import type { AgentContext } from "../context.ts";
import type { KnownModel } from "../model/models.ts";
import { addOutput, type OutputOptions, outputOf } from "../view/output.ts";

/** `nsmctl agent model` */
export function modelCommand(parent: Command, context: AgentContext): void {
  const model = parent
    .command("model")
    .summary("which values there can be")
    .description("Shows the models of an agent: the kinds of values that it can be asked for.");
  listCommand(model, context);
  inspectCommand(model, context);
  generateCommand(model, context);
  schemaCommand(model, context);
}

function listCommand(parent: Command, context: AgentContext): void {
  const command = parent
    .command("list")
    .alias("ls")
    .summary("names and keys of models")
    .description("Lists the models that the agent knows; those that nsmctl knows where the agent serves no gRPC.")
    .argument("[pattern...]", 'names, or patterns such as "vpp.*"')
    .option("--class <class>", "config, metrics or all", "config");
  addOutput(command, ["table", "json", "yaml"]);
  addTargetOptions(command, true);
  command.action((patterns: string[], options: OutputOptions<Format> & { class: string }) =>
    context.run(command, async (session) => {
      const { agentModels, matching } = await import("../model/models.ts");
      const all = (await agentModels(session)).filter(
        (model) => options.class === "all" || model.class === options.class,
      );
      const models = matching(all, patterns).map(plain);
      const rows = models.map((one) => [one.name, one.class, one.protoName, one.keyPrefix]);
      session.print(
        await render(models, outputOf(options, "table"), () =>
          table(["MODEL", "CLASS", "MESSAGE", "KEY PREFIX"], rows),
        ),
      );
      return 0;
    }),
  );
}

function inspectCommand(parent: Command, context: AgentContext): void {
  const command = parent
    .command("inspect")
    .summary("everything about a model")
    .description("Prints what is known of models: key, message, fields.")
    .argument("<model...>", "names, or beginnings that only one model has");
  addOutput(command, ["json", "yaml"]);
  addTargetOptions(command, true);
  command.action((names: string[], options: OutputOptions<Format>) =>
    context.run(command, async (session) => {
      const { agentModels, oneModel } = await import("../model/models.ts");
      const all = await agentModels(session);
      const models = names.map((name) => inspected(oneModel(all, name)));
      session.print(await render(models, outputOf(options, "json"), () => ""));
      return 0;
    }),
  );
}

/** `nsmctl agent model generate`, and agentctl's `generate` */
export function generateCommand(parent: Command, context: AgentContext): void {
  const command = parent
    .command("generate")
    .alias("gen")
    .summary("a value to begin with")
    .description(
      "Prints a value of a model with every field; in YAML with what may stand there. Asks no agent. With -o cnf it is a CNFConfiguration for --service-label.",
    )
    .argument("<model>", "name, or a beginning that only one model has")
    .option("--oneline", "JSON on one line");
  addOutput(command, ["yaml", "json", "cnf"]);
  addTargetOptions(command, true);
  command.action(async (name: string, options: OutputOptions<"yaml" | "json" | "cnf"> & { oneline?: true }) => {
    const [{ oneModel, ownModels }, { sampleManifest, sampleYaml }, { create, toJson }, { readTargetOptions }] =
      await Promise.all([
        import("../model/models.ts"),
        import("../model/sample.ts"),
        import("@bufbuild/protobuf"),
        import("../connection/options.ts"),
      ]);
    const { model } = oneModel(ownModels(), name);
    if (!model) throw new CodedError("NOT_FOUND", `nsmctl does not know the model ${name}`);
    const format = options.oneline ? "json" : outputOf(options, "yaml");
    const { io } = context;
    if (format === "yaml") io.stdout.write(sampleYaml(model));
    else if (format === "cnf")
      io.stdout.write(sampleManifest(model, readTargetOptions(command, io.env).label ?? "LABEL"));
    else {
      const value = toJson(model.schema, create(model.schema), { useProtoFieldName: true, alwaysEmitImplicit: true });
      io.stdout.write(`${options.oneline ? JSON.stringify(value) : JSON.stringify(value, null, 2)}\n`);
    }
    context.exit(0);
  });
}

function schemaCommand(parent: Command, context: AgentContext): void {
  const command = parent
    .command("schema")
    .summary("JSON Schema, for editors")
    .description("Prints the JSON Schema of a model, or of the file that update takes. Asks no agent.")
    .argument("[model]", "name, or a beginning that only one model has");
  addTargetOptions(command, true);
  command.action(async (name: string | undefined) => {
    const [{ oneModel, ownModels }, { schemaOf }] = await Promise.all([
      import("../model/models.ts"),
      import("../model/schema.ts"),
    ]);
    const schema = schemaOf(name === undefined ? undefined : oneModel(ownModels(), name).model);
    context.io.stdout.write(`${JSON.stringify(schema, null, 2)}\n`);
    context.exit(0);
  });
}

type PlainModel = Omit<KnownModel, "model">;

function plain({ model: _model, ...rest }: KnownModel): PlainModel {
  return rest;
}

function inspected(known: KnownModel): PlainModel & { fields?: unknown } {
  const { model } = known;
  if (!model) return plain(known);
  const fields = model.schema.fields.map((field) => ({
    name: field.name,
    number: field.number,
    kind: field.fieldKind === "list" ? `list of ${field.listKind}` : field.fieldKind,
    ...("message" in field && field.message ? { message: field.message.typeName } : {}),
    ...("enum" in field && field.enum ? { values: field.enum.values.map(({ name }) => name) } : {}),
    ...(field.oneof ? { oneOf: field.oneof.name } : {}),
  }));
  return { ...plain(known), fields };
}
