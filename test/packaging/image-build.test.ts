// The image itself. Two minutes and half a gigabyte, so only on request; the first time Debian is fetched too.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { programs } from "../../scripts/bundle/entries.ts";
import { checkout, isRoot, type Ran, run } from "./support.ts";

function missing(): string | false {
  if (process.env.NSMKIT_BUILD_IMAGE !== "1") return "the image is built on request: NSMKIT_BUILD_IMAGE=1, as root";
  if (!isRoot) return "needs root";
  const tools = ["buildah", "debootstrap"].filter((tool) => spawnSync(tool, ["--version"]).error);
  return tools.length > 0 && `${tools.join(" and ")} not found; install them with apt-get`;
}

/** As a container runtime would with a read-only root file system, without capabilities. */
const enter = `
mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && mount -t proc proc "$1/proc"
tree=$1 user=$2 && shift 2
exec chroot "$tree" setpriv --reuid="$user" --regid="$user" --clear-groups --bounding-set=-all --inh-caps=-all \\
  --no-new-privs -- "$@"`;

interface Config {
  readonly User?: string;
  readonly Cmd?: readonly string[];
  readonly Env?: readonly string[];
  readonly Labels?: Readonly<Record<string, string>>;
}

describe("the image", { skip: missing(), timeout: 900_000 }, () => {
  const script = join(checkout, "scripts/image.sh");
  let folder = "";
  let tree = "";
  let config: Config = {};
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "nsmkit-image-"));
    const built = await run(script, [folder, "nsmkit"]);
    assert.equal(built.status, 0, built.stderr.slice(-4_000));
    tree = built.stdout.trim();
    config = await configOf("nsmkit");
  });
  after(() => run(script, [folder, "remove"]));

  const configOf = async (target: string): Promise<Config> => {
    const { status, stdout, stderr } = await run(script, [folder, "inspect", target]);
    assert.equal(status, 0, stderr);
    return (JSON.parse(stdout) as { OCIv1: { config: Config } }).OCIv1.config;
  };
  const inside = (user: number, ...command: string[]): Promise<Ran> => {
    const args = ["--mount", "--pid", "--fork", "sh", "-ec", enter, "sh", tree, String(user), ...command];
    const path = config.Env?.find((variable) => variable.startsWith("PATH="))?.slice("PATH=".length);
    return run("unshare", args, { env: { PATH: `${path}` } });
  };

  test("starts every program by its name, as an ordinary user on a read-only file system", async () => {
    for (const { command = "" } of programs(checkout)) {
      const { status, stdout, stderr } = await inside(10001, command, "--version");
      assert.equal(status, 0, `${command}: ${stderr}`);
      assert.match(stdout, /\d+\.\d+\.\d+\n$/);
    }
    const { stderr } = await inside(10001, "touch", "/file");
    assert.match(stderr, /Read-only file system/);
  });

  test("loads the native module and has the tools of agents and forwarders", async () => {
    const load =
      'import("/nsmkit/node_modules/koffi/index.js").then(({ default: k }) => console.log(k.load("libc.so.6").func("int getuid()")()))';
    const loaded = await inside(10001, "node", "-e", load);
    assert.deepEqual([loaded.stdout, loaded.status], ["10001\n", 0], loaded.stderr);
    for (const tool of ["iptables-restore", "ip6tables-restore", "nsenter", "ip"])
      assert.equal((await inside(10001, "sh", "-c", `command -v ${tool}`)).status, 0, tool);
  });

  test("has no package manager of Node, no sources and no leftovers of the build", () => {
    assert.ok(!existsSync(join(tree, "usr/local/bin/npm")));
    assert.deepEqual(globSync("nsmkit/{packages,cmd}/**/*.ts", { cwd: tree }), []);
    assert.deepEqual(globSync(["src", "native", "var/lib/apt/lists/*", "var/cache/apt/*"], { cwd: tree }), []);
  });

  test("says who made it and what it is", () => {
    for (const label of [
      "title",
      "description",
      "source",
      "licenses",
      "version",
      "revision",
      "vendor",
      "documentation",
    ])
      assert.ok(config.Labels?.[`org.opencontainers.image.${label}`], label);
  });

  test("as nsm-agent-linux starts the agent without a command, as root", async () => {
    const built = await run(script, [folder, "nsm-agent-linux"]);
    assert.equal(built.status, 0, built.stderr.slice(-4_000));
    const agent = await configOf("nsm-agent-linux");
    assert.deepEqual([agent.Cmd, agent.User], [["nsm-agent-linux"], "0:0"]);
  });
});
