import { runProgram } from "@nsmkit/core/program";
import { withFlags } from "./flags.ts";
import { description, name, settings } from "./settings.ts";
import { startCnfCrd } from "./start.ts";

const { argv, env } = withFlags(settings, process.argv, process.env);

await runProgram(
  { name, description, settings, run: startCnfCrd },
  Object.assign(Object.create(process), {
    ...{ argv, env },
    on: process.on.bind(process),
    off: process.off.bind(process),
    exit: process.exit.bind(process),
  }),
);
