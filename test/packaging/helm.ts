import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import type { Manifest } from "../../scripts/deploy/manifests.ts";
import { checkout, type Ran, run, toolPath } from "./support.ts";

export const chart = join(checkout, "deploy/chart/nsm-operator");

/** Runs helm without the user's own settings. */
export const helm = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> =>
  run(toolPath("helm"), args, {
    env: { PATH: process.env.PATH, HOME: "/nonexistent", HELM_CACHE_HOME: "/nonexistent/cache", ...env },
  });

/** A helm that is built from its module may think of a Kubernetes that the chart refuses. */
export const offline = ["--kube-version", "1.36.0"];

/** Objects that a release has with these arguments; helm must agree to them. */
export async function template(...args: string[]): Promise<readonly Manifest[]> {
  const done = await helm(["template", "nsm-operator", chart, "--namespace", "nsm-system", ...offline, ...args]);
  if (done.status !== 0) throw new Error(done.stderr);
  return documents(done.stdout);
}

export const documents = (text: string): readonly Manifest[] =>
  parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);

export const deployed = async (...files: string[]): Promise<readonly Manifest[]> =>
  (await Promise.all(files.map((file) => readFile(join(checkout, "deploy", file), "utf8")))).flatMap(documents);

const ofHelm = new Set([
  "app.kubernetes.io/instance",
  "app.kubernetes.io/version",
  "app.kubernetes.io/managed-by",
  "helm.sh/chart",
  "helm.sh/resource-policy",
]);

const without = (marks: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> | undefined => {
  const left = Object.entries(marks).filter(([name]) => !ofHelm.has(name));
  return left.length === 0 ? undefined : Object.fromEntries(left);
};

/** By "kind namespace/name", without the marks that are Helm's own. */
export function byName(manifests: readonly Manifest[]): ReadonlyMap<string, Manifest> {
  return new Map(
    manifests
      .map(({ metadata, ...rest }): [string, Manifest] => {
        const { labels, annotations, ...more } = metadata;
        const marks = { labels: without(labels), annotations: without(annotations) };
        const kept = Object.fromEntries(Object.entries(marks).filter(([, value]) => value !== undefined));
        const manifest = { ...rest, metadata: { ...more, ...kept } } as Manifest;
        return [`${rest.kind} ${metadata.namespace ?? ""}/${metadata.name}`, manifest];
      })
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
