// `npm start`: everything a fresh machine needs, then the demo.
import { exec, installDependencies, needProgram } from "./bootstrap.mjs";

installDependencies({ development: false });
needProgram("iptables-restore", "iptables");
exec("cmd/nsmctl/bin/nsmctl.mjs", ["lab", "demo", "examples/nat-chain", ...process.argv.slice(2)]);
