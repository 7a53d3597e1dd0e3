import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { architectureOf } from "../../scripts/bundle/native.ts";
import { bundle } from "../../scripts/bundle.ts";

export const checkout = join(import.meta.dirname, "../..");
export const isRoot = process.getuid?.() === 0;

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; the test's own process goes on meanwhile. */
export async function run(
  file: string,
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly cwd?: string } = {},
): Promise<Ran> {
  const { env = process.env, cwd = checkout } = options;
  const child = spawn(file, args, { env, cwd, stdio: ["ignore", "pipe", "pipe"] });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name].setEncoding("utf8").on("data", (text: string) => {
      output[name] += text;
    });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return { status, ...output };
}

type Tool = "helm" | "operator-verify" | "dockerfile-lint" | "operators.coreos.com_clusterserviceversions.yaml";

const toolFolder = (): string =>
  spawnSync(join(checkout, "scripts/go-tools.sh"), ["--folder"], { encoding: "utf8" }).stdout.trim();

export const toolPath = (tool: Tool): string => join(toolFolder(), tool);

/** Why a tool cannot be used here, or false. */
export function toolMissing(tool: Tool): string | false {
  return existsSync(toolPath(tool)) ? false : `${tool} is not built here; scripts/go-tools.sh builds it with Go`;
}

/** The bundle of this checkout in a folder of its own, far from any node_modules. */
export class Bundle implements AsyncDisposable {
  readonly folder: string;
  readonly sizes: ReadonlyMap<string, number>;

  private constructor(folder: string, sizes: ReadonlyMap<string, number>) {
    this.folder = folder;
    this.sizes = sizes;
  }

  static async make(): Promise<Bundle> {
    const architecture = architectureOf(process.arch);
    if (architecture === undefined) throw new Error(`no bundle for ${process.arch}`);
    const folder = await mkdtemp(join(tmpdir(), "nsmkit-bundle-"));
    const modules = join(checkout, "node_modules");
    return new Bundle(folder, await bundle({ folder, architecture, modules, withNode: true }));
  }

  /** PATH as in the image: its own programs, Node among them, and the system's. */
  get env(): Record<string, string> {
    return { PATH: `${this.folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin`, HOME: this.folder };
  }

  command(name: string): string {
    return join(this.folder, "bin", name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
