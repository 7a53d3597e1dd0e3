import { runProgram } from "@nsmkit/core/program";
import { createNsmAgentLinux } from "./app.ts";
import { description, name, settings, unused } from "./settings.ts";

// Ligato's name for the log level.
const env: NodeJS.ProcessEnv = process.env;
const level = env.NSM_LOG_LEVEL || env.LOG_LEVEL || env.INITIAL_LOGLVL;

await runProgram(
  {
    name,
    description,
    settings,
    unused,
    run: (config, deps) =>
      createNsmAgentLinux(config, { ...deps, environment: process.env, ...(level ? { logLevel: level } : {}) }),
  },
  Object.assign(Object.create(process), {
    env: { ...env, ...(level ? { LOG_LEVEL: level } : {}) },
    on: process.on.bind(process),
    off: process.off.bind(process),
    exit: process.exit.bind(process),
  }),
);
