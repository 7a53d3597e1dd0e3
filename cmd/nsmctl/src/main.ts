import { fileURLToPath } from "node:url";
import { runNsmctl } from "./program.ts";

process.exitCode = await runNsmctl({
  argv: process.argv,
  process,
  program: fileURLToPath(new URL("../bin/nsmctl.mjs", import.meta.url)),
});
