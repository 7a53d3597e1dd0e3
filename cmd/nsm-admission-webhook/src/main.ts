import { runProgram } from "@nsmkit/core/program";
import { description, name, settings, unused } from "./settings.ts";
import { startNsmAdmissionWebhook } from "./start.ts";

await runProgram({ name, description, settings, unused, run: startNsmAdmissionWebhook }, process);
