import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { parseConfig } from "@nsmkit/core/config";
import { grantedRules } from "@nsmkit/mesh";
import { parse, parseAllDocuments } from "yaml";
import { settings } from "../../cmd/nsm-operator/src/settings.ts";
import { operatorManifest } from "./operator-world.ts";

interface Container {
  readonly command?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: unknown }[];
  readonly securityContext?: unknown;
}
interface Deployment {
  readonly spec: {
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: { readonly securityContext?: unknown; readonly containers: readonly Container[] };
    };
  };
}

const first = async (): Promise<Deployment> =>
  parse(await readFile(join(import.meta.dirname, "../../packages/mesh/testdata/operator-2020.yaml"), "utf8"));
const ours = async (): Promise<Deployment> =>
  (await operatorManifest()).find((object) => object.kind === "Deployment") as unknown as Deployment;

test("the first operator's Deployment starts this program: command, labels and environment are the same", async () => {
  const [then, now] = [await first(), await ours()];
  const [a, b] = [then.spec.template.spec.containers[0], now.spec.template.spec.containers[0]];
  assert.deepEqual(b?.command, a?.command);
  assert.deepEqual(now.spec.template.metadata.labels, then.spec.template.metadata.labels);
  for (const variable of a?.env ?? []) {
    assert.deepEqual(
      b?.env?.find((one) => one.name === variable.name),
      variable,
    );
    assert.ok(
      Object.values(settings).some((setting) => setting.env === variable.name),
      variable.name,
    );
  }
});

test("WATCH_NAMESPACE takes one namespace, a list, or all", () => {
  const watched = (text: string | undefined) => parseConfig(settings, { WATCH_NAMESPACE: text }).watchNamespaces;
  assert.deepEqual(watched("a"), ["a"]);
  assert.deepEqual(watched("a, b"), ["a", "b"]);
  assert.deepEqual(watched(""), []);
  assert.deepEqual(watched(undefined), []);
});

test("no rule has a star, and the Pod gives away what it does not need", async () => {
  for (const object of await operatorManifest()) {
    if (/Role$/.test(object.kind)) assert.doesNotMatch(JSON.stringify(object.rules), /"\*"/);
  }
  const { spec } = (await ours()).spec.template;
  assert.deepEqual(spec.securityContext, {
    runAsNonRoot: true,
    runAsUser: 10001,
    runAsGroup: 10001,
    seccompProfile: { type: "RuntimeDefault" },
  });
  assert.deepEqual(spec.containers[0]?.securityContext, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  });
});

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** "group resource verb name" of each right; the name is "*" where a rule names none. */
const rightsOf = (rule: Rule): string[] =>
  rule.apiGroups.flatMap((group) =>
    rule.resources.flatMap((resource) =>
      rule.verbs.flatMap((verb) => (rule.resourceNames ?? ["*"]).map((name) => `${group} ${resource} ${verb} ${name}`)),
    ),
  );

test("the operator has every right that any mesh gives to its programs", async () => {
  const spire = await readFile(join(import.meta.dirname, "../../deploy/operator-spire.yaml"), "utf8");
  const documents = [...(await operatorManifest()), ...parseAllDocuments(spire).map((document) => document.toJS())];
  const rules = documents.flatMap((object) => (/Role$/.test(object.kind) ? (object.rules as Rule[]) : []));
  const held = new Set(rules.flatMap(rightsOf));
  const wanted = grantedRules().flatMap((rule) => rightsOf(rule as Rule));
  assert.ok(wanted.length > 50);
  const covered = (right: string): boolean => held.has(right) || held.has(right.replace(/ [^ ]+$/, " *"));
  assert.deepEqual(
    wanted.filter((right) => !covered(right)),
    [],
  );
});
