// Prints the images that a mesh needs, one on each line, for a mirror.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { completeMeshes, imagesOf, nsmOf } from "./deploy/images.ts";
import { findManifest, readManifests } from "./deploy/manifests.ts";

const usage = `usage: node scripts/images.ts [FILE...]

Prints the operator's image and those of the NSM resources in the files; without files those of every component of the
newest releases.`;

interface Pods {
  readonly template: { readonly spec: { readonly containers: readonly { readonly image: string }[] } };
}

const files = process.argv.slice(2);
if (files.includes("--help")) console.log(usage);
else {
  const root = join(import.meta.dirname, "..");
  const deployment = findManifest(readManifests(root, "operator.yaml"), "Deployment", "nsm-operator");
  const operator = (deployment.spec as Pods).template.spec.containers.map(({ image }) => image);
  const documents =
    files.length === 0
      ? completeMeshes.map((spec) => nsmOf(spec))
      : files
          .flatMap((file) =>
            parseAllDocuments(readFileSync(file, "utf8")).map((document) => document.toJS() as unknown),
          )
          .filter((document) => (document as { kind?: string } | null)?.kind === "NSM");
  const images = new Set([...operator, ...documents.flatMap(imagesOf)]);
  console.log([...images].sort().join("\n"));
}
