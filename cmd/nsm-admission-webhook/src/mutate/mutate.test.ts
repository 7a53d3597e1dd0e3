import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseConfig } from "@nsmkit/core/config";
import { FakeClock, RecordingLogger } from "@nsmkit/core/testing";
import type { KubeObject, UnknownObject } from "@nsmkit/kube";
import type { Admission, AdmissionRequest } from "@nsmkit/kube/admission";
import fc from "fast-check";
import { settings } from "../settings.ts";
import { applyPatch } from "../testing/json-patch.ts";
import { mutate } from "./mutate.ts";
import { Namespaces } from "./namespaces.ts";

const base = {
  NSM_CERT_FILE_PATH: "/tls.crt",
  NSM_KEY_FILE_PATH: "/tls.key",
  NSM_CONTAINER_IMAGES: "ghcr.io/nsmkit/nsmkit:v0.1.0",
  NSM_CONTAINER_COMMAND: "nsc",
  NSM_ENVS: "NSM_LOG_LEVEL=INFO,NSM_CONNECT_TO=unix:///var/lib/networkservicemesh/nsm.io.sock",
  NSM_LABELS: "spiffe.io/spiffe-id:true",
};
type Json = Record<string, unknown>;

const annotation = "networkservicemesh.io";
const signal = new AbortController().signal;
const annotated = (value: string) => ({ annotations: { [annotation]: value } });

function webhook(options: { env?: Record<string, string>; namespace?: Json; broken?: boolean } = {}) {
  const config = parseConfig(settings, { ...base, ...options.env });
  const find = async (): Promise<KubeObject | undefined> => {
    if (options.broken) throw new Error("the API server does not answer");
    return { apiVersion: "v1", kind: "Namespace", metadata: { name: "default", ...options.namespace } };
  };
  const logger = new RecordingLogger();
  const namespaces = new Namespaces({ client: { find: find as never }, clock: new FakeClock(), logger });
  return { admit: mutate({ config, namespaces, logger, newSuffix: () => "0000" }), logger };
}

function request(object: Json, more: Partial<AdmissionRequest> = {}): AdmissionRequest {
  const kind = { group: object.kind === "Pod" ? "" : "apps", version: "v1", kind: String(object.kind) };
  return {
    ...{ uid: "1", operation: "CREATE", namespace: "default", dryRun: false, user: "" },
    kind,
    object: object as unknown as UnknownObject,
    ...more,
  };
}

const pod = (metadata: Json = {}, spec: Json = {}): Json => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web", ...metadata },
  spec: { containers: [{ name: "app", image: "nginx" }], ...spec },
});

const deployment = (metadata: Json = {}, template: Json = {}): Json => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web", ...metadata },
  spec: {
    template: {
      metadata: { labels: { app: "web" } },
      spec: { containers: [{ name: "app", image: "nginx" }] },
      ...template,
    },
  },
});

const patched = (object: Json, admission: Admission): Json => {
  assert.ok(admission.allowed && admission.patch, JSON.stringify(admission));
  return applyPatch(object, admission.patch) as Json;
};

describe("a Pod that asks", () => {
  test("gets the client with the node's socket, by a patch that leaves its own parts alone", async () => {
    const object = pod(annotated("kernel://icmp/nsm-1"), { volumes: [{ name: "data", emptyDir: {} }] });
    const { metadata, spec } = patched(object, await webhook().admit(request(object), { signal })) as {
      metadata: Json;
      spec: Json;
    };
    assert.deepEqual(metadata.labels, { "spiffe.io/spiffe-id": "true" });
    assert.deepEqual(spec.volumes, [
      { name: "data", emptyDir: {} },
      { name: "nsm-socket", hostPath: { path: "/var/lib/networkservicemesh", type: "Directory" } },
    ]);
    assert.deepEqual(spec.containers, [
      { name: "app", image: "nginx" },
      {
        name: "nsc",
        image: "ghcr.io/nsmkit/nsmkit:v0.1.0",
        imagePullPolicy: "IfNotPresent",
        command: ["nsc"],
        env: [
          { name: "NSM_LOG_LEVEL", value: "INFO" },
          { name: "NSM_CONNECT_TO", value: "unix:///var/lib/networkservicemesh/nsm.io.sock" },
          { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
          { name: "NSM_NETWORK_SERVICES", value: "kernel://icmp/nsm-1" },
          { name: "NSM_NAME", value: "$(POD_NAME)-0000" },
        ],
        resources: { limits: { cpu: "200m", memory: "80Mi" }, requests: { cpu: "100m", memory: "40Mi" } },
        volumeMounts: [{ name: "nsm-socket", mountPath: "/var/lib/networkservicemesh", readOnly: true }],
      },
    ]);
    assert.equal(spec.initContainers, undefined);
  });

  test("with a generated name is told apart by it", async () => {
    const object = pod({ name: undefined, generateName: "web-", ...annotated("kernel://icmp") });
    const { spec } = patched(object, await webhook().admit(request(object), { signal })) as {
      spec: { containers: Json[] };
    };
    assert.deepEqual((spec.containers[1]?.env as Json[]).at(-1), { name: "NSM_NAME", value: "$(POD_NAME)" });
  });

  test("gets upstream's images as they are, with an init container and the agent's socket", async () => {
    const env = {
      NSM_CONTAINER_COMMAND: "",
      NSM_CONTAINER_IMAGES: "ghcr.io/networkservicemesh/cmd-nsc:v1.18.0",
      NSM_INIT_CONTAINER_IMAGES: "ghcr.io/networkservicemesh/cmd-nsc-init@sha256:00",
      NSM_ENVS: "SPIFFE_ENDPOINT_SOCKET=unix:///run/spire/sockets/agent.sock,A=b=c",
    };
    const object = pod(annotated("kernel://icmp"));
    const { spec } = patched(object, await webhook({ env }).admit(request(object), { signal })) as {
      spec: Record<string, Json[]>;
    };
    const [init] = spec.initContainers ?? [];
    assert.deepEqual([init?.name, init?.command, spec.containers?.[1]?.name], ["cmd-nsc-init", undefined, "cmd-nsc"]);
    assert.deepEqual((init?.env as Json[])[1], { name: "A", value: "b=c" });
    assert.deepEqual(
      spec.volumes?.map(({ name, hostPath }) => [name, (hostPath as Json).path]),
      [
        ["spire-agent-socket", "/run/spire/sockets"],
        ["nsm-socket", "/var/lib/networkservicemesh"],
      ],
    );
  });

  test("in a namespace with a Pod Security level gets drivers instead of paths, and no privileges", async () => {
    for (const level of ["baseline", "restricted"]) {
      const namespace = { labels: { "pod-security.kubernetes.io/enforce": level } };
      const object = pod(annotated("kernel://icmp"));
      const { spec } = patched(object, await webhook({ namespace }).admit(request(object), { signal })) as {
        spec: Record<string, Json[]>;
      };
      assert.deepEqual(spec.volumes, [
        { name: "nsm-socket", csi: { driver: "csi.networkservicemesh.io", readOnly: true } },
      ]);
      const context = spec.containers?.[1]?.securityContext as Json | undefined;
      assert.deepEqual(context?.capabilities, level === "restricted" ? { drop: ["ALL"] } : undefined);
    }
  });

  test("for devices gets them as resources of the client", async () => {
    const object = pod(annotated("vfio://a?sriovToken=worker.domain/10G,kernel://b?sriovToken=worker.domain/10G"));
    const { spec } = patched(object, await webhook().admit(request(object), { signal })) as {
      spec: { containers: Json[] };
    };
    const { limits, requests } = spec.containers[1]?.resources as { limits: Json; requests: Json };
    assert.deepEqual([limits["worker.domain/10G"], requests["worker.domain/10G"]], ["2", "2"]);
  });

  test("is asked again without effect: also when it brought its client itself", async () => {
    const { admit } = webhook();
    const object = pod(annotated("kernel://icmp"));
    const once = patched(object, await admit(request(object), { signal }));
    assert.deepEqual(await admit(request(once), { signal }), { allowed: true });
  });

  test("keeps its own container and volume of the names that ours have", async () => {
    const taken = {
      containers: [{ name: "nsc", image: "mine" }],
      volumes: [{ name: "nsm-socket", emptyDir: {} }],
    };
    const object = pod(annotated("kernel://icmp"), taken);
    const { spec } = patched(object, await webhook().admit(request(object), { signal })) as {
      spec: Record<string, Json[]>;
    };
    assert.deepEqual(
      spec.containers?.map(({ name }) => name),
      ["nsc", "nsc-2"],
    );
    assert.deepEqual(
      spec.volumes?.map(({ name }) => name),
      ["nsm-socket", "nsm-socket-2"],
    );
    assert.equal((spec.containers?.[1]?.volumeMounts as Json[])[0]?.name, "nsm-socket-2");
  });

  test("shares a volume that it has already", async () => {
    const volumes = [{ name: "nsm-socket", hostPath: { path: "/var/lib/networkservicemesh" } }];
    const object = pod(annotated("kernel://icmp"), { volumes });
    const { spec } = patched(object, await webhook().admit(request(object), { signal })) as { spec: Json };
    assert.deepEqual(spec.volumes, volumes);
  });
});

describe("an annotation that is wrong", () => {
  for (const [value, problem] of [
    ["kernel://", /name of the network service/],
    ["http://web", /unknown mechanism "http"/],
    [
      "kernel://a/nsm-1,kernel://b/nsm-1",
      /interface "nsm-1" is wanted for both "a" and "b"; give each a name of its own/,
    ],
    ["kernel://a/an-interface-name", /longer than 15/],
    [",,", /entry 1 is empty; remove the surplus comma/],
    ["kernel://a?sriovToken=x", /sriovToken "x" of service "a" is no resource; write <domain>\/<name>/],
  ] as const)
    test(`${JSON.stringify(value)} is refused with Pod, annotation, value and remedy`, async () => {
      const object = pod(annotated(value));
      const admission = await webhook().admit(request(object), { signal });
      assert.ok(!admission.allowed);
      assert.match(admission.message, problem);
      assert.ok(
        admission.message.startsWith(`Pod default/web: annotation networkservicemesh.io=${JSON.stringify(value)}: `),
      );
    });

  test("of a namespace stands in nobody's way, and is told", async () => {
    const object = pod();
    const admission = await webhook({ namespace: annotated("kernel://") }).admit(request(object), { signal });
    assert.ok(admission.allowed && !admission.patch);
    assert.match(admission.warnings?.[0] ?? "", /^Pod default\/web is not connected: Namespace default: annotation/);
  });
});

describe("what does not ask", () => {
  const cases: readonly (readonly [string, Json, Partial<AdmissionRequest>?])[] = [
    ["a Pod without the annotation", pod()],
    [
      "a Pod of the kubelet's own",
      pod({ annotations: { [annotation]: "kernel://a", "kubernetes.io/config.mirror": "x" } }),
    ],
    ["a Pod that exists", pod(annotated("kernel://a")), { operation: "UPDATE" }],
    ["a Pod's subresource", pod(annotated("kernel://a")), { subresource: "binding" }],
    ["a Deployment without the annotation", deployment()],
    ["a Deployment that goes", deployment(annotated("kernel://a")), { operation: "DELETE" }],
    ["another kind", { ...pod(annotated("kernel://a")), kind: "Service" }],
    [
      "a kind of another group",
      pod(annotated("kernel://a")),
      { kind: { group: "example.org", version: "v1", kind: "Pod" } },
    ],
    ["a Pod of no known shape", { ...pod(annotated("kernel://a")), spec: { containers: "none" } }],
    [
      "a ReplicaSet of a Deployment",
      { ...deployment({ ...annotated("kernel://a"), ownerReferences: [{ kind: "Deployment" }] }), kind: "ReplicaSet" },
    ],
  ];
  for (const [title, object, more] of cases)
    test(`${title} is let through as it is`, async () => {
      assert.deepEqual(await webhook().admit(request(object, more), { signal }), { allowed: true });
    });

  test("is let through while the namespace cannot be read, and what asks itself is served", async () => {
    const { admit, logger } = webhook({ broken: true });
    assert.deepEqual(await admit(request(pod()), { signal }), { allowed: true });
    assert.equal(logger.lines[0]?.level, "warn");
    const object = pod(annotated("kernel://a"));
    assert.ok(patched(object, await admit(request(object), { signal })));
  });
});

describe("a namespace that asks", () => {
  const namespace = annotated("kernel://all");

  test("asks for each of its Pods that does not ask for something else", async () => {
    const { admit } = webhook({ namespace });
    for (const [object, services] of [
      [pod(), "kernel://all"],
      [pod(annotated("kernel://own")), "kernel://own"],
    ] as const) {
      const { spec } = patched(object, await admit(request(object), { signal })) as { spec: { containers: Json[] } };
      const env = spec.containers[1]?.env as Json[];
      assert.equal(env.find(({ name }) => name === "NSM_NETWORK_SERVICES")?.value, services);
    }
  });

  test("does not ask for workloads, whose Pods will be asked for, nor for the node's network", async () => {
    const { admit } = webhook({ namespace });
    assert.deepEqual(await admit(request(deployment()), { signal }), { allowed: true });
    const admission = await admit(request(pod({}, { hostNetwork: true })), { signal });
    assert.ok(admission.allowed && !admission.patch && admission.warnings?.length === 1);
  });
});

describe("a workload that asks", () => {
  test("gets the client in its template, each time the same", async () => {
    const { admit } = webhook();
    for (const kind of ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"]) {
      const object = { ...deployment(annotated("kernel://icmp")), kind };
      const [once, again] = [
        await admit(request(object), { signal }),
        await admit(request(object, { operation: "UPDATE" }), { signal }),
      ];
      assert.deepEqual(once, again);
      const { metadata, spec } = patched(object, once) as {
        metadata: Json;
        spec: { template: { metadata: Json; spec: { containers: Json[] } } };
      };
      assert.equal(spec.template.spec.containers[1]?.name, "nsc");
      assert.deepEqual(spec.template.metadata.labels, { app: "web", "spiffe.io/spiffe-id": "true" });
      assert.equal(metadata.labels, undefined);
    }
  });

  test("leaves it to its Pods when the template asks too", async () => {
    const { admit } = webhook();
    const template = (value: string) => ({ metadata: annotated(value) });
    assert.deepEqual(await admit(request(deployment(annotated("kernel://a"), template("kernel://a"))), { signal }), {
      allowed: true,
    });
    const other = await admit(request(deployment(annotated("kernel://a"), template("kernel://b"))), { signal });
    assert.match((other.warnings ?? [])[0] ?? "", /Deployment default\/web: annotation .* of the Pod template counts/);
  });
});

test("whatever object comes, the answer is an admission whose patch fits, and a second look changes nothing", async () => {
  const name = fc.constantFrom("app", "nsc", "nsc-2", "x");
  const container = fc.record({ name, env: fc.option(fc.jsonValue()) }, { requiredKeys: [] });
  const volume = fc.oneof(
    fc.jsonValue(),
    fc.record({ name: fc.constantFrom("nsm-socket", "data"), hostPath: fc.jsonValue() }),
  );
  const metadata = fc.record(
    {
      name: fc.string(),
      generateName: fc.jsonValue(),
      labels: fc.oneof(fc.jsonValue(), fc.dictionary(fc.string(), fc.string())),
      annotations: fc.oneof(
        fc.jsonValue(),
        fc.record({ [annotation]: fc.oneof(fc.string(), fc.constantFrom("kernel://a", "kernel://a/b,memif://c")) }),
      ),
    },
    { requiredKeys: [] },
  );
  const spec = fc.record(
    {
      containers: fc.oneof(fc.array(container, { minLength: 1, maxLength: 3 }), fc.jsonValue()),
      initContainers: fc.oneof(fc.array(container, { maxLength: 2 }), fc.jsonValue()),
      volumes: fc.oneof(fc.array(volume, { maxLength: 3 }), fc.jsonValue()),
      hostNetwork: fc.jsonValue(),
    },
    { requiredKeys: [] },
  );
  const object = fc.oneof(
    fc.record({ kind: fc.constant("Pod"), metadata, spec }),
    fc.record({
      kind: fc.constantFrom("Deployment", "ReplicaSet"),
      metadata,
      spec: fc.record({ template: fc.record({ metadata, spec }) }),
    }),
  );
  let injected = 0;
  await fc.assert(
    fc.asyncProperty(object, async (given) => {
      const { admit } = webhook({ env: { NSM_INIT_CONTAINER_IMAGES: "x/nsc:1" } });
      const subject = given as Json;
      const admission = await admit(request(subject), { signal });
      if (!admission.allowed || !admission.patch) return;
      injected++;
      const after = applyPatch(subject, admission.patch) as Json;
      assert.deepEqual(await admit(request(after), { signal }), { allowed: true });
    }),
    { numRuns: 1_000 },
  );
  assert.ok(injected > 50, `${injected} of them asked`);
});
