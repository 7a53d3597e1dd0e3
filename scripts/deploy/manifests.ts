/** deploy/operator.yaml and deploy/operator-spire.yaml: what chart and bundle are made of. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Document, parseAllDocuments, YAMLSeq } from "yaml";

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

export const readManifests = (root: string, file: string): readonly Manifest[] =>
  parseAllDocuments(readFileSync(join(root, "deploy", file), "utf8")).map((document) => document.toJS() as Manifest);

/** @throws Error when there is none */
export function findManifest(manifests: readonly Manifest[], kind: string, name: string): Manifest {
  const found = manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name);
  if (!found) throw new Error(`deploy/ has no ${kind} ${name}`);
  return found;
}

/** As the manifests are written: lists of plain words on one line. */
export function toYaml(value: unknown): string {
  const document = new Document(value, { aliasDuplicateObjects: false });
  const visit = (node: unknown): void => {
    if (node instanceof YAMLSeq) {
      if (node.items.every((item) => !(item instanceof Object && "items" in item))) node.flow = true;
      else for (const item of node.items) visit(item);
    } else if (node instanceof Object && "items" in node) {
      for (const pair of node.items as { value: unknown }[]) visit(pair.value);
    }
  };
  visit(document.contents);
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}
