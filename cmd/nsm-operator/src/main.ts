import { runProgram } from "@nsmkit/core/program";
import { description, name, settings } from "./settings.ts";
import { startNsmOperator } from "./start.ts";

await runProgram({ name, description, settings, run: startNsmOperator }, process);
