import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { parse } from "yaml";
import { documentedValues } from "../../scripts/deploy/values-table.ts";
import { outdated } from "../../scripts/deploy.ts";
import { byName, chart, deployed, documents, helm, offline, template } from "./helm.ts";
import { toolMissing } from "./support.ts";

test("what deploy/ has from other sources is what they give", () => {
  assert.deepEqual([...outdated().keys()], [], 'run "node scripts/deploy.ts"');
});

test("values.schema.json knows every value of values.yaml and no other", async () => {
  const values = documentedValues(await readFile(join(chart, "values.yaml"), "utf8")).map(({ path }) => path);
  const schema = JSON.parse(await readFile(join(chart, "values.schema.json"), "utf8")) as Schema;
  const known = pathsOf(schema).filter((path) => path !== "global");
  // A documented value may be a whole object, with a comment of its own alone.
  const owner = (path: string): string => values.find((value) => path.startsWith(`${value}.`)) ?? path;
  assert.deepEqual([...new Set(known.map(owner))].sort(), [...values].sort());
});

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
}
function pathsOf(schema: Schema, at = ""): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, child]) => {
    const path = at === "" ? name : `${at}.${name}`;
    return child.properties ? pathsOf(child, path) : [path];
  });
}

describe("the chart", { skip: toolMissing("helm"), timeout: 60_000 }, () => {
  test("passes helm lint --strict, with the default values and with all options", async () => {
    const everything = ["--values", join(import.meta.dirname, "testdata/every-value.yaml")];
    for (const more of [[], everything]) {
      const { status, stdout, stderr } = await helm(["lint", "--strict", chart, ...more]);
      assert.equal(status, 0, stdout + stderr);
    }
  });

  test("with the default values is deploy/operator.yaml, object for object, but for the namespace", async () => {
    const plain = (await deployed("operator.yaml")).filter(({ kind }) => kind !== "Namespace");
    assert.deepEqual(byName(await template()), byName(plain));
  });

  test("with namespace and SPIRE is both plain manifests", async () => {
    const options = ["--set", "namespace.create=true,spire.enabled=true"];
    assert.deepEqual(
      byName(await template(...options)),
      byName(await deployed("operator.yaml", "operator-spire.yaml")),
    );
  });

  test("serves a list of namespaces with a Role in each, and its own with its Lease", async () => {
    const objects = byName(await template("--set", "watch.namespaces={a,b}"));
    const roles = [...objects.keys()].filter((name) => name.startsWith("Role "));
    assert.deepEqual(roles, ["Role a/nsm-operator", "Role b/nsm-operator", "Role nsm-system/nsm-operator"]);
    assert.deepEqual(envOf(objects).WATCH_NAMESPACE, "a,b");
  });

  test("serves all namespaces with a ClusterRole in place of Roles", async () => {
    const objects = byName(await template("--set", "watch.allNamespaces=true"));
    assert.deepEqual(
      [...objects.keys()].filter((name) => name.startsWith("Role ")),
      [],
    );
    const role = byName(await template()).get("Role nsm-system/nsm-operator");
    assert.deepEqual(objects.get("ClusterRole /nsm-operator-meshes")?.rules, role?.rules);
    assert.equal(envOf(objects).WATCH_NAMESPACE, "");
  });

  test("leaves the user ids to OpenShift, by value and by what the cluster offers", async () => {
    for (const more of [
      ["--set", "platform=openshift"],
      ["--api-versions", "security.openshift.io/v1"],
    ]) {
      const pod = podOf(byName(await template(...more)));
      assert.deepEqual(pod.securityContext, { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
    }
    const forced = await template("--set", "platform=kubernetes", "--api-versions", "security.openshift.io/v1");
    assert.equal((podOf(byName(forced)).securityContext as { runAsUser?: number }).runAsUser, 10001);
  });

  test("a release of another name names everything after itself, and tells the operator", async () => {
    const done = await helm(["template", "east", chart, "--namespace", "mesh", ...offline]);
    assert.equal(done.status, 0, done.stderr);
    const objects = byName(documents(done.stdout));
    for (const name of objects.keys()) assert.match(name, /\/east-nsm-operator(-|$)/);
    assert.equal(envOf(objects, "Deployment mesh/east-nsm-operator").OPERATOR_NAME, "east-nsm-operator");
  });

  test("every option reaches the objects", async () => {
    const values = join(import.meta.dirname, "testdata/every-value.yaml");
    const objects = byName(await template("--values", values));
    const names = [...objects.keys()];
    for (const kind of ["NetworkPolicy", "PodDisruptionBudget", "ServiceMonitor", "NSM", "Namespace"])
      assert.ok(
        names.some((name) => name.startsWith(`${kind} `)),
        kind,
      );
    const given = parse(await readFile(values, "utf8")) as Record<string, Record<string, unknown>>;
    const text = JSON.stringify([...objects.values()]);
    for (const word of words({ ...given, platform: undefined }))
      assert.ok(text.includes(word), `${word} is in no object`);
    // A values file that forgets a value proves nothing about it.
    const documented = documentedValues(await readFile(join(chart, "values.yaml"), "utf8")).map(({ path }) => path);
    const missing = documented.filter((path) => path.split(".").reduce<unknown>(at, given) === undefined);
    assert.deepEqual(missing, ["image.tag", "watch.allNamespaces"], "digest and namespaces exclude these");
  });

  const refused: readonly (readonly [string, RegExp])[] = [
    ["replica=2", /replica.*not allowed/],
    ["replicas=two", /replicas.*got string, want integer/],
    ["image.repo=x", /image.*'repo' not allowed/],
    ["image.pullPolicy=Sometimes", /pullPolicy.*value must be one of 'Always', 'IfNotPresent', 'Never'/],
    ["image.digest=sha256:abc", /digest.*does not match pattern/],
    ["logLevel=LOUD", /logLevel.*must be one of/],
    ["webhook.url=http://x/validate", /url.*does not match pattern/],
    ["progressDeadline=soon", /progressDeadline.*does not match pattern/],
    ["metrics.port=99999", /port.*maximum/],
    ["watch.allNamespaces=true,watch.namespaces={a}", /watch.*'not' failed/],
    ["nsm.create=true", /nsm\/spec.*minProperties/],
    ["podLabels.name=x", /podLabels.*propertyNames|invalid propertyName 'name'/],
    ["networkPolicy.apiServerPorts={0}", /minimum/],
    ["podDisruptionBudget.enabled=true", /set replicas to 2/],
    ["metrics.service=false,metrics.serviceMonitor.enabled=true", /set metrics.service to true/],
  ];
  for (const [set, problem] of refused)
    test(`refuses --set ${set}`, async () => {
      const { status, stderr } = await helm(["template", "nsm-operator", chart, ...offline, "--set", set]);
      assert.notEqual(status, 0);
      assert.match(stderr.replaceAll("\n", " "), problem);
    });
});

type Objects = ReturnType<typeof byName>;
interface Pod {
  readonly securityContext?: unknown;
  readonly containers: readonly {
    readonly env: readonly { readonly name: string; readonly value?: string }[];
  }[];
}
function podOf(objects: Objects, name = "Deployment nsm-system/nsm-operator"): Pod {
  const { template } = objects.get(name)?.spec as { template: { spec: Pod } };
  return template.spec;
}
function envOf(objects: Objects, name?: string): Record<string, string | undefined> {
  const [container] = podOf(objects, name).containers;
  return Object.fromEntries((container?.env ?? []).map((one) => [one.name, one.value]));
}

const at = (value: unknown, key: string): unknown => (value as Record<string, unknown> | undefined)?.[key];

/** Every text in a value that is no switch. */
function words(value: unknown): string[] {
  if (typeof value === "string") return [JSON.stringify(value).slice(1, -1)];
  if (Array.isArray(value)) return value.flatMap(words);
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(words) : [];
}
