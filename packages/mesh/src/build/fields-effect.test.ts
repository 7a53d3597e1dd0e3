/** Every field of the resource, in both forms and for both providers: a change of it changes the objects of the mesh. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Field, Fields } from "../crd/field.ts";
import { fields2020, fields2023 } from "../crd/fields.ts";
import { meshOf, nsmOf } from "../testing/documents.ts";
import { releases } from "../versions/releases.ts";

type Spec = Readonly<Record<string, unknown>>;

/** Values of text fields by their path or last name: any two of them mean different meshes. */
const texts: Readonly<Record<string, readonly string[]>> = {
  version: releases.slice(-8),
  "version of 2020": ["v0.2.0", "v0.1.0", "latest"],
  tag: ["master", "v0.2.0", "latest"],
  namespace: ["nsm-system", "default", "mesh"],
  kubeletRoot: ["/var/lib/kubelet", "/data/kubelet"],
  excludedPrefixes: ["10.1.0.0/16", "fd00::/64"],
  nsmLogLevel: ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"],
  imageRepository: ["registry.example.org/nsm", "mirror.example.org:5000/all"],
  imagePullSecrets: ["first", "second"],
  spireAgentSocket: ["unix:///run/spire/sockets/agent.sock", "unix:///run/other/agent.sock"],
  trustDomain: ["k8s.nsm", "example.org"],
  image: ["example.org/program:1", "example.org/program:2"],
  exclPrefImage: ["example.org/program:1", "example.org/program:2"],
  name: ["one", "other"],
  value: ["1", "2"],
  registry: ["docker.io", "registry.example.org"],
  org: ["networkservicemesh", "mirror"],
  webhookName: ["nsm-admission-webhook", "other"],
  forwardingPlaneName: ["vpp", "kernel"],
  forwardingPlaneImage: ["vppagent-forwarder", "own/plane"],
};

/** Two values at least of a field's, each meaning something else; flags are written in all of their ways. */
function candidates(field: Field, name: string): readonly unknown[] {
  switch (field.kind) {
    case "string":
      return field.values ?? texts[name] ?? assert.fail(`no values are known for ${name}; add them to texts`);
    case "integer":
      return [field.min, field.min + 1, field.max];
    case "flag":
      return [true, false];
    case "map":
      return name === "nodeSelector"
        ? [{ a: "b" }, { a: "c" }, {}]
        : [{ cpu: "123m" }, { memory: "77Mi" }, { cpu: "124m" }];
    case "passed":
      return ["spec.nodeName", "metadata.uid"].map((fieldPath) => ({ fieldRef: { fieldPath } }));
    case "list":
      return (texts[name] ?? []).map((item) => [item]);
    case "object":
      return [];
  }
}

interface Leaf {
  /** "forwarders[].envVars[].value". */
  readonly path: string;
  readonly field: Field;
  readonly name: string;
}

function leavesOf(fields: Fields, parent = ""): readonly Leaf[] {
  return Object.entries(fields).flatMap(([name, field]): readonly Leaf[] => {
    const path = `${parent}${name}`;
    if (field.kind === "object") return leavesOf(field.fields, `${path}.`);
    if (field.kind === "list" && field.item.kind === "object") return leavesOf(field.item.fields, `${path}[].`);
    return [{ path, field, name }];
  });
}

/** The spec with a value at a path; missing objects and list entries on the way are made. */
function withValue(spec: unknown, path: string, value: unknown): unknown {
  const [, head = "", inList, rest] = /^([^.[]+)(\[\])?(?:\.(.+))?$/.exec(path) ?? [];
  const object = (spec ?? {}) as Record<string, unknown>;
  const before = object[head];
  if (rest === undefined) return { ...object, [head]: value };
  if (inList === undefined) return { ...object, [head]: withValue(before, rest, value) };
  const [first = {}, ...others] = (before ?? []) as readonly unknown[];
  return { ...object, [head]: [withValue(first, rest, value), ...others] };
}

interface Case {
  readonly form: Fields;
  /** In which every field means something. */
  readonly base: Spec;
  /** Some fields mean something only beside others. */
  readonly beside?: (path: string) => Spec;
  /** Fields of which only some values are of use here; the others are refused. */
  readonly limited?: Readonly<Record<string, readonly unknown[]>>;
  /** Fields that this mesh has no use for, and why. Each must be refused, or this says that it may be ignored. */
  readonly without: Readonly<Record<string, { readonly refused: RegExp } | { readonly ignored: string }>>;
}

const variable = { name: "MARK", value: "1" };
const cases: Readonly<Record<string, Case>> = {
  "upstream's mesh": {
    form: fields2023,
    base: {
      version: "v1.18.0",
      spire: "managed",
      registry: { type: "k8s" },
      forwarders: [{ type: "vpp" }],
      webhook: {},
    },
    limited: {
      spire: ["managed", "external"],
      "forwarders[].type": ["vpp", "ovs", "sriov"],
      "registry.replicaCount": [1, 2, 20],
    },
    without: { provider: { ignored: "the other provider has no data plane in common; its own cases are below" } },
  },
  "our own mesh": {
    form: fields2023,
    base: {
      provider: "nsmkit",
      spire: "managed",
      registry: { type: "k8s" },
      forwarders: [{ type: "kernel" }],
      webhook: {},
    },
    without: {
      provider: { ignored: "see upstream's mesh" },
      version: { ignored: "there is one release so far" },
      "forwarders[].type": { ignored: "there is one data plane; the others are refused" },
      "platform.kubeletRoot": { ignored: "our programs use nothing of the kubelet's" },
      jaegerTracing: { refused: /our programs send no traces/ },
      csiDrivers: { refused: /needs upstream's webhook/ },
      "exclPref.exclPrefImage": { refused: /our manager needs no collector/ },
      ...Object.fromEntries(
        ["envVars[].name", "envVars[].value", "envVars[].valueFrom", "resources.requests", "resources.limits"].map(
          (part) => [`exclPref.${part}`, { refused: /our manager needs no collector/ }],
        ),
      ),
    },
  },
  "the mesh of 2020": {
    form: fields2020,
    base: { registry: "docker.io", tag: "v0.2.0", spire: "true", jaegerTracing: "true" },
    beside: (path) => (path === "version" ? { tag: undefined } : {}),
    without: {},
  },
};

const rendered = (spec: unknown): string => JSON.stringify(meshOf(nsmOf(spec)).phases);

/** Variables without a name or a value are none. */
function completed(base: Spec, path: string): unknown {
  const at = /^(.*envVars)\[\]\.(name|value|valueFrom)$/.exec(path);
  if (!at?.[1]) return base;
  return withValue(base, at[1], [at[2] === "valueFrom" ? { name: variable.name } : variable]);
}

for (const [title, { form, base, beside = () => ({}), limited = {}, without }] of Object.entries(cases)) {
  describe(`in ${title}`, () => {
    for (const { path, field, name } of leavesOf(form)) {
      const reason = without[path];
      const samples =
        limited[path] ?? candidates(field, form === fields2020 && name === "version" ? "version of 2020" : name);
      const spec = (value: unknown): unknown =>
        withValue({ ...(completed(base, path) as Spec), ...beside(path) }, path, value);
      if (reason && "refused" in reason) {
        test(`${path} is refused`, () => {
          const value = field.kind === "flag" ? true : samples[0];
          assert.throws(() => rendered(spec(value)), reason.refused);
        });
        continue;
      }
      if (reason) continue;
      test(`a change of ${path} changes the objects`, () => {
        assert.ok(samples.length > 1, `only one value of ${path} is tried`);
        const one = fc.constantFrom(...samples);
        fc.assert(
          fc.property(one, one, (a, b) => {
            const same = JSON.stringify(a) === JSON.stringify(b);
            assert.equal(
              rendered(spec(a)) === rendered(spec(b)),
              same,
              `${JSON.stringify(a)} and ${JSON.stringify(b)}`,
            );
          }),
          { numRuns: samples.length * samples.length },
        );
      });
      if (field.kind === "flag") {
        test(`${path} means the same in quotes`, () => {
          for (const value of [true, false]) assert.equal(rendered(spec(String(value))), rendered(spec(value)));
        });
      }
    }

    test("each reason names a field that there is", () => {
      const paths = new Set(leavesOf(form).map(({ path }) => path));
      for (const path of [...Object.keys(without), ...Object.keys(limited)]) assert.ok(paths.has(path), path);
    });
  });
}

test("another provider makes other objects", () => {
  const { base: upstream } = cases["upstream's mesh"] as Case;
  const { base: own } = cases["our own mesh"] as Case;
  assert.notEqual(rendered(upstream), rendered(own));
});

test("a forwarder that is taken out leaves no object behind in what is wanted", () => {
  const { base } = cases["upstream's mesh"] as Case;
  const names = (types: readonly string[]): readonly string[] =>
    meshOf(nsmOf({ ...base, forwarders: types.map((type) => ({ type })) }))
      .phases.flatMap(({ objects }) => objects)
      .map(({ kind, metadata }) => `${kind} ${metadata.name}`)
      .filter((one) => one.includes("ovs"));
  assert.deepEqual(names(["vpp", "ovs"]), ["ServiceAccount forwarder-ovs-sa", "DaemonSet forwarder-ovs"]);
  assert.deepEqual(names(["vpp"]), []);
});
