/** The parts of the Helm chart that follow from other sources. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { nsmDefinition } from "@nsmkit/mesh";
import { findManifest, readManifests, toYaml } from "./manifests.ts";
import { valuesTable } from "./values-table.ts";

export const chart = "deploy/chart/nsm-operator";

const note = "# Made by scripts/deploy.ts";

/** Text of each file, by its path from the root. */
export function chartFiles(root: string): ReadonlyMap<string, string> {
  const operator = readManifests(root, "operator.yaml");
  const spire = readManifests(root, "operator-spire.yaml");
  const rules = {
    "role-rules": findManifest(operator, "Role", "nsm-operator"),
    "cluster-role-rules": findManifest(operator, "ClusterRole", "nsm-operator"),
    "spire-role-rules": findManifest(spire, "Role", "nsm-operator"),
    "viewer-rules": findManifest(operator, "ClusterRole", "nsm-operator-nsm-viewer"),
    "editor-rules": findManifest(operator, "ClusterRole", "nsm-operator-nsm-editor"),
  };
  const readme = `${chart}/README.md`;
  return new Map([
    ...Object.entries(rules).map(([name, manifest]): [string, string] => [
      `${chart}/files/${name}.yaml`,
      `${note} from deploy/\n${toYaml(manifest.rules)}`,
    ]),
    [
      `${chart}/crds/nsms.yaml`,
      `${note} from packages/mesh. Helm installs it and never touches it again; the operator upgrades it.\n${toYaml(nsmDefinition())}`,
    ],
    [
      readme,
      withTable(
        readFileSync(join(root, readme), "utf8"),
        valuesTable(readFileSync(join(root, chart, "values.yaml"), "utf8")),
      ),
    ],
  ]);
}

/** @throws Error when the page has no place for it */
function withTable(page: string, table: string): string {
  const place = /(?<=<!-- values -->\n)[\s\S]*?(?=<!-- end of values -->)/;
  if (!place.test(page)) throw new Error(`${chart}/README.md has no <!-- values --> ... <!-- end of values -->`);
  return page.replace(place, () => `\n${table}\n`);
}
