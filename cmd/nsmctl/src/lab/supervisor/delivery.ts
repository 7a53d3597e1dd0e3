import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { insideDirectory } from "../host/places.ts";
import type { ConfigurationSpec } from "../spec/spec.ts";

/**
 * How CNFConfigurations reach agents: as files in a folder per microservice label, which the agents watch. A cluster
 * has a controller and etcd in this place.
 */
function folderOf(microservice: string): string {
  return join(insideDirectory, "cnf", encodeURIComponent(microservice));
}

/** Settings of the agent with this label, so that it reads its folder. A manifest's own settings win. */
export function agentEnvironment(microservice: string): Record<string, string> {
  return { FILEDB_CONFIG: join(folderOf(microservice), "filedb.conf"), CONFIG_DIR: folderOf(microservice) };
}

/** Makes the folder, so that the agent can start before anything is declared for it. */
export async function prepareFolder(microservice: string): Promise<void> {
  const documents = join(folderOf(microservice), "documents");
  await mkdir(documents, { recursive: true });
  await writeFile(
    join(folderOf(microservice), "filedb.conf"),
    `configuration-paths:\n  - ${JSON.stringify(documents)}\n`,
  );
  // A lab is for looking at: every agent answers "nsmctl agent".
  await writeFile(join(folderOf(microservice), "grpc.conf"), "endpoint: 0.0.0.0:9111\n");
}

/** Brings the folders of all agents to what is declared; files appear, change and vanish at once, never in parts. */
export async function deliver(configurations: Iterable<ConfigurationSpec>): Promise<void> {
  const wanted = new Map<string, Map<string, string>>();
  for (const { name, microservices, document } of configurations) {
    for (const microservice of microservices) {
      const files = wanted.get(microservice) ?? new Map<string, string>();
      // JSON is YAML.
      files.set(`${name}.yaml`, `${JSON.stringify(document, null, 2)}\n`);
      wanted.set(microservice, files);
    }
  }
  for (const microservice of await existingFolders())
    if (!wanted.has(microservice)) wanted.set(microservice, new Map());
  await Promise.all([...wanted].map(([microservice, files]) => fill(microservice, files)));
}

async function existingFolders(): Promise<string[]> {
  const names = await readdir(join(insideDirectory, "cnf")).catch(() => []);
  return names.map((name) => decodeURIComponent(name));
}

async function fill(microservice: string, files: ReadonlyMap<string, string>): Promise<void> {
  await prepareFolder(microservice);
  const documents = join(folderOf(microservice), "documents");
  for (const [name, text] of files) {
    // An agent reads again what is written again.
    if ((await readFile(join(documents, name), "utf8").catch(() => "")) === text) continue;
    const temporary = join(folderOf(microservice), `${name}.new`);
    await writeFile(temporary, text);
    await rename(temporary, join(documents, name));
  }
  for (const name of await readdir(documents)) if (!files.has(name)) await rm(join(documents, name), { force: true });
}
