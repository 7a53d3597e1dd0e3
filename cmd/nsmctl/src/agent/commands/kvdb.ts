import type { Command } from "commander";
import { addTargetOptions } from "../connection/options.ts";
import type { AgentContext } from "../context.ts";
import { addOutput, type OutputOptions, outputOf } from "../view/output.ts";

interface ListOptions extends OutputOptions<"text" | "table" | "json" | "yaml"> {
  readonly keysOnly?: true;
}

const keyHelp = `
Keys are whole (/vnf-agent/nat/config/...), or begin below the agent (config/...); those need --service-label.
`;

/** `nsmctl agent kvdb` */
export function kvdbCommand(parent: Command, context: AgentContext): void {
  const kvdb = parent
    .command("kvdb")
    .alias("kv")
    .summary("what etcd has for agents")
    .description("Reads and changes the etcd that agents take their configuration from.");

  const list = kvdb
    .command("list")
    .alias("ls")
    .summary("keys and values")
    .description("Lists what etcd has below /vnf-agent/.")
    .argument("[prefix]", "beginning of the keys, with or without /vnf-agent/")
    .option("--keys-only", "only the keys");
  addOutput(list, ["text", "table", "json", "yaml"]);
  addTargetOptions(list, true);
  list.action((prefix: string | undefined, options: ListOptions) =>
    context.run(list, async (session) => {
      const { listKeys, listText } = await import("../kvdb/kvdb.ts");
      const entries = await listKeys(session, prefix ?? "", options.keysOnly ?? false);
      session.print(await listText(entries, outputOf(options, "text"), options.keysOnly ?? false));
      return 0;
    }),
  );

  const get = kvdb
    .command("get")
    .summary("one value")
    .description("Prints the value of a key. Exits 2 when there is none.")
    .argument("<key>", "key")
    .addHelpText("after", keyHelp);
  addTargetOptions(get, true);
  get.action((key: string) =>
    context.run(get, async (session) => {
      const { getKey } = await import("../kvdb/kvdb.ts");
      session.print(`${await getKey(session, key)}\n`);
      return 0;
    }),
  );

  const put = kvdb
    .command("put")
    .summary("write a value")
    .description(
      "Writes a value. One whose model is known must be right and fit its key: an agent of Ligato refuses everything that comes together with a wrong one.",
    )
    .argument("<key>", "key")
    .argument("<value>", 'JSON; "-" reads the standard input')
    .option("--unchecked", "write it as it is")
    .addHelpText("after", keyHelp);
  addTargetOptions(put, true);
  put.action((key: string, value: string, options: { unchecked?: true }) =>
    context.run(put, async (session) => {
      const { putKey } = await import("../kvdb/kvdb.ts");
      await putKey(session, key, value, { check: !options.unchecked });
      session.print("OK\n");
      return 0;
    }),
  );

  const del = kvdb
    .command("del")
    .summary("delete a value")
    .description("Deletes a key. Exits 2 when there is none.")
    .argument("<key>", "key")
    .addHelpText("after", keyHelp);
  addTargetOptions(del, true);
  del.action((key: string) =>
    context.run(del, async (session) => {
      const { deleteKey } = await import("../kvdb/kvdb.ts");
      await deleteKey(session, key);
      session.print("OK\n");
      return 0;
    }),
  );
}
