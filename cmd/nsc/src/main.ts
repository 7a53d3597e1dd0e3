import { runProgram } from "@nsmkit/core/program";
import { createNsc } from "./app.ts";
import { description, name, settings, unused } from "./settings.ts";

await runProgram({ name, description, settings, unused, run: createNsc }, process);
