import { runProgram } from "@nsmkit/core/program";
import { description, name, settings } from "./settings.ts";
import { startCnfCrd } from "./start.ts";

const { argv, env } = process;
const verbose = env.VERBOSE === "true" || argv.some((argument) => /^--?verbose(=true)?$/.test(argument));

await runProgram(
  { name, description, settings, run: (config, deps) => startCnfCrd(config, { ...deps, environment: env }) },
  Object.assign(Object.create(process), {
    env: verbose ? { ...env, NSM_LOG_LEVEL: "DEBUG" } : env,
    on: process.on.bind(process),
    off: process.off.bind(process),
    exit: process.exit.bind(process),
  }),
);
