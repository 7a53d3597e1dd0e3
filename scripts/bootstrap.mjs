// Makes a fresh checkout runnable. Plain JavaScript for Node 20 and newer, without dependencies: it runs before any exists.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamp = join(root, "node_modules", ".nsmkit-installed");

/** Ends the program with a sentence that says what is wrong and what helps. */
export function fail(message) {
  process.stderr.write(`nsmkit: ${message}\n`);
  process.exit(1);
}

/**
 * Installs the locked dependencies unless they are there already.
 * @param {{ development: boolean }} options development: also what only tests and checks need
 */
export function installDependencies({ development }) {
  const lock = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  const installed = existsSync(stamp) ? readFileSync(stamp, "utf8").split(" ") : [];
  if (installed[0] === lock && (!development || installed[1] === "development")) return;
  process.stderr.write("nsmkit: installing dependencies (once, about 20 s) ...\n");
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ["npm"];
  const args = ["ci", "--no-audit", "--no-fund", "--loglevel=error", ...(development ? [] : ["--omit=dev"])];
  const done = spawnSync(npm[0], [...npm.slice(1), ...args], { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
  if (done.error) fail(`npm could not be started (${done.error.message}); install npm 9 or newer`);
  if (done.status !== 0) fail("npm ci failed; its own message is above");
  writeFileSync(stamp, `${lock} ${development ? "development" : "production"}`);
}

/** The Node that the project is tested with: the pinned one, else the system's if it can run TypeScript sources. */
export function node() {
  const pinned = join(root, "node_modules", `node-${process.platform}-${process.arch}`, "bin", "node");
  if (existsSync(pinned)) return pinned;
  if (process.features.typescript) return process.execPath;
  return fail(
    `no Node for ${process.platform}-${process.arch} comes with nsmkit and this one is ${process.version}; use Node 24 or newer`,
  );
}

/** Runs a program of the checkout with the right Node; ends as it ended. */
export function exec(file, args, env = {}) {
  const executable = node();
  const path = `${dirname(executable)}:${join(root, "node_modules", ".bin")}:${process.env.PATH}`;
  const child = spawn(executable, [join(root, file), ...args], {
    stdio: "inherit",
    env: { ...process.env, NODE_COMPILE_CACHE: join(root, "node_modules", ".cache", "compile"), ...env, PATH: path },
  });
  // A terminal's Ctrl-C reaches the whole group: wait for the child's own clean end instead of leaving before it.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  child.on("error", (error) => fail(error.message));
  child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 15)));
}

/** Finds a program as a shell would, also where administrators' programs are. */
export function which(program) {
  const folders = [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/sbin"];
  return folders.map((folder) => join(folder, program)).find((file) => existsSync(file));
}

/** A Debian package that the demo needs: installed if we may, else named in one line. */
export function needProgram(program, debianPackage) {
  if (which(program)) return;
  const isRoot = process.getuid?.() === 0;
  if (!isRoot || !which("apt-get")) {
    fail(`'${program}' is missing; install it first: sudo apt-get install ${debianPackage}`);
  }
  process.stderr.write(`nsmkit: installing ${debianPackage} with apt-get ...\n`);
  const apt = (...args) =>
    spawnSync("apt-get", args, {
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    }).status === 0;
  const install = () => apt("install", "-y", "-qq", "--no-install-recommends", debianPackage);
  if (!install() && !(apt("update", "-qq") && install())) {
    fail(`apt-get could not install ${debianPackage}; install it by hand, then try again`);
  }
}
