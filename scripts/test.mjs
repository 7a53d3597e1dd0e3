// `npm test [-- suite...]`: everything a fresh machine needs, then the suites.
import { exec, installDependencies } from "./bootstrap.mjs";

installDependencies({ development: true });
exec("scripts/test.ts", process.argv.slice(2));
