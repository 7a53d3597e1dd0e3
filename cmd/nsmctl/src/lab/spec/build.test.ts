import assert from "node:assert/strict";
import { test } from "node:test";
import { agentPod, configuration, labOf, problemsOf } from "./testing.ts";

const client = { module: "cnf.nsm", type: "client" };

test("a container whose image is named nsm-agent-linux runs our agent, whatever the registry and tag", () => {
  const [pod] = labOf(agentPod("nat")).spec.pods;
  const [agent] = pod?.containers ?? [];
  assert.deepEqual(
    [agent?.command, agent?.program, agent?.microservice],
    [["nsm-agent-linux"], "nsm-agent-linux", "nat"],
  );
});

test("a socket resource gives the Pod the mesh socket", () => {
  const [pod] = labOf(agentPod("nat")).spec.pods;
  assert.deepEqual(pod?.mounts, [{ volume: ".mesh", path: "/var/lib/networkservicemesh", readOnly: false }]);
});

test("an annotation adds the client program with what the admission webhook would set", () => {
  const { spec } = labOf(`
apiVersion: v1
kind: Pod
metadata: {name: web, annotations: {networkservicemesh.io: kernel://chain/nsm-1}}
spec: {containers: [{name: app, image: x, command: [serve]}]}
`);
  const [nsc, app] = spec.pods[0]?.containers ?? [];
  assert.equal(app?.name, "app");
  assert.equal(nsc?.program, "nsc");
  const env = Object.fromEntries(nsc?.env ?? []);
  assert.equal(env.NSM_NAME, "web");
  assert.equal(env.NSM_NETWORK_SERVICES, "kernel://chain/nsm-1");
});

test("an annotation on the namespace counts for its Pods", () => {
  const { spec, ignored } = labOf(`
apiVersion: v1
kind: Namespace
metadata: {name: apps, annotations: {networkservicemesh.io: kernel://chain/nsm-1}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: apps}
spec: {containers: [{name: app, image: x, command: [serve]}]}
`);
  assert.deepEqual(
    spec.pods[0]?.containers.map((container) => container.name),
    ["cmd-nsc", "app"],
  );
  assert.deepEqual(ignored, []);
});

test("a container without command is not runnable, and the reason says what to add", () => {
  const { spec } = labOf(
    "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: app, image: nginx:1}]}\n",
  );
  assert.match(spec.pods[0]?.containers[0]?.notRunnable ?? "", /add "command" \(image nginx:1\)/);
});

test("an agent for VPP is not runnable, and its items are told, not refused", () => {
  const pod = agentPod("nat").replace("nsm-agent-linux", "nsm-agent-vpp");
  const { spec, notes } = labOf(
    pod + configuration("nat", { module: "vpp.nat", type: "nat44-interface" }, "name: memif1"),
  );
  assert.match(spec.pods[0]?.containers[0]?.notRunnable ?? "", /nsm-agent-vpp is not available/);
  assert.ok(
    notes.some((note) => note.includes("its items for nat are checked, but nsm-agent-vpp is not available")),
    notes.join("\n"),
  );
});

test("kinds without use are listed with their names", () => {
  const { ignored } = labOf(
    `${agentPod("a")}\n---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web, namespace: x}\n`,
  );
  assert.deepEqual(ignored, ["Ingress x/web"]);
});

test("a Deployment becomes as many Pods as it has replicas, a DaemonSet one per node", () => {
  const template = "selector: {}\n  template: {spec: {containers: [{name: a, command: [run]}]}}";
  const { spec } = labOf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  ${template}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: probe}
spec:
  ${template}
---
apiVersion: nsmkit.dev/v1alpha1
kind: Lab
metadata: {name: x}
spec: {nodes: [{name: n1}, {name: n2}], placement: {web: n2}}
`);
  assert.deepEqual(
    spec.pods.map((pod) => [pod.name, pod.node]),
    [
      ["web-0", "n2"],
      ["web-1", "n2"],
      ["probe-n1", "n1"],
      ["probe-n2", "n2"],
    ],
  );
});

test("a Pod stands where the Lab document places it, else where its nodeName or nodeSelector say", () => {
  const nodes =
    "apiVersion: nsmkit.dev/v1alpha1\nkind: Lab\nmetadata: {name: x}\nspec: {nodes: [{name: n1}, {name: n2, labels: {disk: ssd}}], placement: {a: n2}}";
  const { spec } = labOf(
    `${nodes}${agentPod("a", "  nodeName: n1")}${agentPod("b", "  nodeName: n2")}${agentPod("c", "  nodeSelector: {disk: ssd}")}${agentPod("d")}`,
  );
  assert.deepEqual(
    spec.pods.map((pod) => pod.node),
    ["n2", "n2", "n2", "n1"],
  );
});

test("nodes get addresses of the underlay after the registry's", () => {
  const { spec } = labOf(
    `${agentPod("a")}\n---\napiVersion: nsmkit.dev/v1alpha1\nkind: Lab\nmetadata: {name: x}\nspec: {nodes: [{name: n1}, {name: n2}], underlay: {subnet: 10.1.2.0/28}}`,
  );
  assert.equal(spec.gateway, "10.1.2.1/28");
  assert.deepEqual(
    spec.nodes.map((node) => node.address),
    ["10.1.2.2/28", "10.1.2.3/28"],
  );
});

test("without a Lab document the folder names the lab", () => assert.equal(labOf(agentPod("a")).spec.name, "my-lab"));

test("both spellings of a NetworkService come to the same", () => {
  const modern = labOf(`
apiVersion: networkservicemesh.io/v1
kind: NetworkService
metadata: {name: chain}
spec: {payload: IP, matches: [{source_selector: {app: client}, routes: [{destination_selector: {app: nat}}]}]}
`);
  const legacy = labOf(`
apiVersion: networkservicemesh.io/v1alpha1
kind: NetworkService
metadata: {name: chain}
spec:
  payload: IP
  matches:
    - match:
      sourceSelector: {app: client}
      route:
        - destination:
          destinationSelector: {app: nat}
`);
  assert.deepEqual(modern.spec.networkServices, legacy.spec.networkServices);
});

test("a client for a service that nobody offers is told", () => {
  const { notes } = labOf(
    agentPod("a") + configuration("a", client, "name: c\nnetwork_service: nowhere\ninterface_name: tap0"),
  );
  assert.deepEqual(notes.length, 1);
  assert.match(notes[0] ?? "", /asks for network service nowhere, which no CNFConfiguration of this lab offers/);
});

const refused: Record<string, [text: string, message: RegExp]> = {
  "an unknown field": [
    agentPod("a", "  hostNetworks: true"),
    /lab\.yaml:12:\d+: Pod a: spec field "hostNetworks" is unknown; did you mean "hostNetwork"\?/,
  ],
  "a wrong type": [
    agentPod("a", "  hostNetwork: 5"),
    /lab\.yaml:12:\d+: Pod a: spec\.hostNetwork is 5, must be true or false/,
  ],
  "a misspelt kind": ["apiVersion: v1\nkind: pods\nmetadata: {name: a}", /lab\.yaml:2:\d+: .*write Pod/],
  "a document that is no object": ["- 1", /lab\.yaml:1:\d+: .*apiVersion, kind and metadata/],
  "two objects of one name": [
    agentPod("a") + agentPod("a"),
    /Pod a is declared twice, also at lab\.yaml:3:1; keep one/,
  ],
  "a name that no cluster would take": [agentPod("A_b"), /metadata\.name is "A_b"/],
  "a ConfigMap that is not there": [
    agentPod("a", "  volumes: [{name: v, configMap: {name: nothing}}]"),
    /ConfigMap "nothing" is not among the documents; add it/,
  ],
  "a volume that a lab has not": [
    agentPod("a", "  volumes: [{name: v, secret: {secretName: s}}]"),
    /secret is a volume that a lab has not/,
  ],
  "a mount of a volume that the Pod has not": [
    agentPod("a").replace("      env:", "      volumeMounts: [{name: v, mountPath: /x}]\n      env:"),
    /names the volume v, which the Pod has not/,
  ],
  "a mount over the lab's own folders": [
    agentPod("a", "  volumes: [{name: v, emptyDir: {}}]").replace(
      "      env:",
      "      volumeMounts: [{name: v, mountPath: /proc/}]\n      env:",
    ),
    /\/proc\/ is taken by the lab itself/,
  ],
  "a node that is not there": [agentPod("a", "  nodeName: n9"), /nodeName is n9, the lab's nodes are node-1/],
  "a sysctl of the whole machine": [
    agentPod("a", "  securityContext: {sysctls: [{name: kernel.panic, value: '1'}]}"),
    /kernel\.panic is not a network setting/,
  ],
  "a Secret in the environment": [
    agentPod("a").replace("value: a}", "valueFrom: {secretKeyRef: {name: s, key: k}}}"),
    /a lab has neither Secrets nor resource limits/,
  ],
  "the cluster address of a Pod": [
    agentPod("a").replace("value: a}", "valueFrom: {fieldRef: {fieldPath: status.podIP}}}"),
    /status\.podIP has no value in this lab/,
  ],
  "the camelCase spelling in a v1 NetworkService": [
    "apiVersion: networkservicemesh.io/v1\nkind: NetworkService\nmetadata: {name: n}\nspec:\n  matches:\n    - sourceSelector: {a: b}",
    /lab\.yaml:6:\d+: .*did you mean "source_selector"/,
  ],
  "an unknown field in a CNFConfiguration's data": [
    agentPod("a") + configuration("a", client, "name: c\nnetwork_service: s\ninterface_nam: tap0"),
    /lab\.yaml:25:\d+: CNFConfiguration default\/a item 1: cnf\.nsm client "c": field "interface_nam" is unknown; did you mean "interface_name"/,
  ],
  "a wrong enum in a CNFConfiguration's data": [
    agentPod("a") +
      configuration("a", client, "name: c\nnetwork_service: s\ninterface_name: tap0\ninterface_type: KERNEL"),
    /lab\.yaml:26:\d+: .*"interface_type" is "KERNEL"/,
  ],
  "an address without length": [
    agentPod("a") +
      configuration("a", client, "name: c\nnetwork_service: s\ninterface_name: tap0\nip_addresses: [10.0.0.1]"),
    /lab\.yaml:26:\d+: .*ip_addresses\[0\] "10\.0\.0\.1" has no prefix length/,
  ],
  "an interface name over 15 bytes": [
    agentPod("a") + configuration("a", client, "name: c\nnetwork_service: s\ninterface_name: abcdefghijklmnop"),
    /lab\.yaml:25:\d+: .*interface_name "abcdefghijklmnop" is 16 bytes long/,
  ],
  "data that is no YAML": [
    agentPod("a") + configuration("a", client, "name: ["),
    /lab\.yaml:2\d:\d+: CNFConfiguration default\/a item 1: data: not valid YAML/,
  ],
  "an unknown model": [
    agentPod("a") + configuration("a", { module: "cnf.nsm", type: "clients" }, "name: c"),
    /the model cnf\.nsm clients is unknown; cnf\.nsm has the types client, endpoint; did you mean client/,
  ],
  "two interfaces of one name": [
    agentPod("a") +
      configuration("a", client, "name: c\nnetwork_service: s\ninterface_name: tap0") +
      configuration("b", { module: "linux.interfaces", type: "interface" }, "name: tap0\ntype: LOOPBACK").replace(
        "microservice: b",
        "microservice: a",
      ),
    /interface tap0 of a is also made by CNFConfiguration default\/a item 1/,
  ],
  "an item for nobody": [
    agentPod("a") + configuration("a", client, "name: c").replace("  microservice: a\n", ""),
    /has no microservice and neither has spec/,
  ],
  "a check of a Pod that is not there": [
    `${agentPod("a")}\n---\napiVersion: nsmkit.dev/v1alpha1\nkind: Lab\nmetadata: {name: x}\nspec: {checks: [{name: c, pod: b, command: [x]}]}`,
    /there is no Pod b; the Pods are a/,
  ],
  "a link to a Pod that is not there": [
    `${agentPod("a")}\n---\napiVersion: nsmkit.dev/v1alpha1\nkind: Lab\nmetadata: {name: x}\nspec: {links: [{endpoints: [{pod: b, interface: e}, {node: node-1, interface: e}]}]}`,
    /there is no pod b for interface e/,
  ],
  "a placement of nothing": [
    "apiVersion: nsmkit.dev/v1alpha1\nkind: Lab\nmetadata: {name: x}\nspec: {placement: {b: node-1}}",
    /placement names b, there is no such Pod/,
  ],
  "more nodes than addresses": [
    "apiVersion: nsmkit.dev/v1alpha1\nkind: Lab\nmetadata: {name: x}\nspec: {underlay: {subnet: 10.0.0.0/30}, nodes: [{name: a}, {name: b}]}",
    /2 nodes do not fit into the underlay/,
  ],
  "a duration without unit": [
    "apiVersion: nsmkit.dev/v1alpha1\nkind: Lab\nmetadata: {name: x}\nspec: {checks: [{name: c, pod: b, command: [x], timeout: '5'}]}",
    /timeout not a duration/,
  ],
  "an expression that is none": [
    "apiVersion: nsmkit.dev/v1alpha1\nkind: Lab\nmetadata: {name: x}\nspec: {checks: [{name: c, pod: b, command: [x], expect: {stdout: {matches: '('}}}]}",
    /matches/,
  ],
};
for (const [what, [text, message]] of Object.entries(refused))
  test(`${what} is refused, with its place and the remedy`, () => {
    const problems = problemsOf(text);
    assert.ok(
      problems.some((problem) => message.test(problem)),
      `${problems.join("\n") || "accepted"}`,
    );
  });

test("all problems are told at once", () => {
  const problems = problemsOf(agentPod("a", "  hostNetworks: true") + agentPod("b", "  hostNetwork: 5"));
  assert.equal(problems.length, 2);
});
