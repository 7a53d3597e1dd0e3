import { runProgram } from "@nsmkit/core/program";
import { createForwarder } from "./app.ts";
import { description, name, settings, unused } from "./settings.ts";

await runProgram({ name, description, settings, unused, run: createForwarder }, process);
