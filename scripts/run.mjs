// Runs one of the project's TypeScript programs with the pinned Node: node scripts/run.mjs FILE [ARGUMENT...]
import { exec, installDependencies } from "./bootstrap.mjs";

const [file, ...args] = process.argv.slice(2);
installDependencies({ development: true });
exec(file, args);
