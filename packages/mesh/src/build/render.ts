import { stringify } from "yaml";
import type { Mesh } from "./phase.ts";

/** All objects as YAML documents in install order, each phase announced by a comment; `kubectl apply -f` reads it. */
export function renderYaml({ phases }: Mesh): string {
  return phases
    .flatMap(({ name, objects }) =>
      objects.map((object, i) => {
        const text = stringify(object, { aliasDuplicateObjects: false, lineWidth: 0 });
        return `---\n${i === 0 ? `# ${name}\n` : ""}${text}`;
      }),
    )
    .join("");
}

/** All objects as one List, which `kubectl apply -f` reads too. */
export function renderJson({ phases }: Mesh): string {
  const items = phases.flatMap(({ objects }) => objects);
  return `${JSON.stringify({ apiVersion: "v1", kind: "List", items }, null, 2)}\n`;
}
