import assert from "node:assert/strict";
import { test } from "node:test";
import { agentPod, configuration, labOf, problemsOf } from "./testing.ts";

const etcdService = `
---
apiVersion: v1
kind: Service
metadata: {name: store}
spec:
  type: NodePort
  selector: {app: store}
  ports: [{port: 12379, nodePort: 31379, targetPort: client}]
---
apiVersion: v1
kind: Pod
metadata: {name: store, labels: {app: store}}
spec:
  containers:
    - name: etcd
      image: quay.io/coreos/etcd:v3.5
      command: [sh, -c]
      args: ["etcd --data-dir=/var/store/data --listen-client-urls=http://0.0.0.0:2379"]
      ports: [{name: client, containerPort: 2379}]
`;
const conf = (endpoint: string): string => `
---
apiVersion: v1
kind: ConfigMap
metadata: {name: etcd-cfg}
data:
  etcd.conf: |
    insecure-transport: true
    endpoints: ["${endpoint}"]
`;
const agentWithEtcd = (name: string): string =>
  agentPod(name, "  volumes: [{name: cfg, configMap: {name: etcd-cfg}}]").replace(
    "env: [",
    "volumeMounts: [{name: cfg, mountPath: /etc/etcd}]\n      env: [{name: ETCD_CONFIG, value: /etc/etcd/etcd.conf}, ",
  );
const client = { module: "cnf.nsm", type: "client" };
const clientData = "name: c\nnetwork_service: s\ninterface_name: tap0";
const name = "store.default.svc.cluster.local:12379";

test("a lab without Services has no cluster network", () => {
  const { spec } = labOf(agentPod("a"));
  assert.equal(spec.cluster, undefined);
  assert.equal(spec.pods[0]?.clusterAddress, undefined);
});

test("a Service has an address, and per port the Pods that its selector means", () => {
  const { spec, notes, ignored } = labOf(etcdService + agentPod("a"));
  assert.deepEqual(ignored, []);
  assert.deepEqual(notes, []);
  const [service] = spec.cluster?.services ?? [];
  assert.equal(service?.name, "default/store");
  assert.match(service?.address ?? "", /^198\.19\.(12[89]|1[3-9]\d|2\d\d)\.\d+$/);
  assert.deepEqual(service?.ports, [{ port: 12379, nodePort: 31379, backends: [{ pod: "store", port: 2379 }] }]);
});

test("Pods of a lab with Services have addresses, the same whatever other Pods there are", () => {
  const address = (text: string) => labOf(text).spec.pods.find((pod) => pod.name === "a")?.clusterAddress;
  const own = address(etcdService + agentPod("a"));
  assert.match(own ?? "", /^198\.19\.\d+\.\d+\/16$/);
  assert.equal(address(etcdService + agentPod("b") + agentPod("a")), own);
});

test("a Pod that names its address gets it", () => {
  const pod = agentPod("a").replace("value: a}", "valueFrom: {fieldRef: {fieldPath: status.podIP}}}");
  const { spec } = labOf(etcdService + pod);
  const found = spec.pods.find((one) => one.name === "a");
  assert.equal(found?.containers[0]?.microservice, found?.clusterAddress?.split("/")[0]);
});

test("an agent with etcd.conf is given its CNFConfigurations in etcd, the others as files", () => {
  const { spec, notes } = labOf(
    etcdService +
      conf(name) +
      agentWithEtcd("a") +
      agentPod("b") +
      configuration("a", client, clientData) +
      configuration("b", client, clientData),
  );
  assert.deepEqual(spec.pods.find((pod) => pod.name === "a")?.containers[0]?.etcdEndpoints, [name]);
  const [a, b] = spec.configurations;
  assert.deepEqual(a?.microservices, []);
  assert.deepEqual(a?.stored, [
    {
      endpoints: [name],
      pod: "a",
      pairs: [
        {
          key: "/vnf-agent/a/config/cnf/nsm/v1/client/c",
          value: '{"name":"c","network_service":"s","interface_name":"tap0"}',
        },
      ],
    },
  ]);
  assert.deepEqual([b?.microservices, b?.stored], [["b"], []]);
  assert.ok(!notes.some((note) => note.includes("etcd")), notes.join("\n"));
});

test("an empty ETCD_CONFIG, or one that names no file, leaves the agent to files", () => {
  for (const value of ["''", "/nowhere/etcd.conf"]) {
    const pod = agentPod("a").replace("env: [", `env: [{name: ETCD_CONFIG, value: ${value}}, `);
    assert.equal(labOf(pod).spec.pods[0]?.containers[0]?.etcdEndpoints, undefined);
  }
});

test("an etcd.conf without endpoints means ETCD_ENDPOINTS, else this Pod", () => {
  const map = conf("x").replace('endpoints: ["x"]', "dial-timeout: 1000000000");
  const plain = labOf(map + agentWithEtcd("a"));
  assert.deepEqual(plain.spec.pods[0]?.containers[0]?.etcdEndpoints, ["127.0.0.1:2379"]);
  const named = agentWithEtcd("a").replace("env: [", "env: [{name: ETCD_ENDPOINTS, value: 'e1:1, e2:2'}, ");
  assert.deepEqual(labOf(map + named).spec.pods[0]?.containers[0]?.etcdEndpoints, ["e1:1", "e2:2"]);
});

test("an etcd that is no Service of the lab is told", () => {
  const { notes } = labOf(conf("etcd.prod.example:2379") + agentWithEtcd("a"));
  assert.match(notes.join("\n"), /the etcd etcd\.prod\.example:2379 of agent a is no Service of this lab/);
});

test("what an etcd image writes beside its volumes stays in the Pod", () => {
  const store = labOf(etcdService).spec.pods.find((pod) => pod.name === "store");
  assert.deepEqual(store?.tools, ["etcd", "etcdctl"]);
  assert.deepEqual(store?.mounts, [{ volume: ".image-etcd", path: "/var/store/data", readOnly: false }]);
});

test("init containers of a Pod in which nothing is runnable are not run", () => {
  const { spec } = labOf(`
apiVersion: v1
kind: Pod
metadata: {name: cnf-crd}
spec:
  initContainers: [{name: wait, image: busybox, command: [sleep, inf]}]
  containers: [{name: crd, image: pantheontech/cnf-crd}]
`);
  const [init] = spec.pods[0]?.initContainers ?? [];
  assert.equal(init?.command, undefined);
  assert.match(init?.notRunnable ?? "", /nothing to prepare/);
});

test("VPP items are checked whoever they are for, and refused for an agent without VPP", () => {
  const pool = { module: "vpp.nat", type: "nat44-pool" };
  const vpp = agentPod("a").replace("nsm-agent-linux", "nsm-agent-vpp");
  assert.match(
    problemsOf(vpp + configuration("a", pool, "firstip: 1.2.3.4")).join("\n"),
    /vpp\.nat nat44-pool.* "firstip" is unknown; did you mean "first_ip"/,
  );
  assert.match(
    problemsOf(agentPod("a") + configuration("a", pool, "first_ip: 1.2.3.4")).join("\n"),
    /lab\.yaml:\d+:\d+: .*the agent of a has no VPP, .*use nsm-agent-vpp/,
  );
});

for (const [what, text, message] of [
  [
    "a link that would be eth0 of a Pod on the cluster network",
    `${etcdService}${agentPod("a")}\n---\napiVersion: nsmkit.dev/v1alpha1\nkind: Lab\nmetadata: {name: x}\nspec: {links: [{endpoints: [{pod: a, interface: eth0}, {node: node-1, interface: e}]}]}`,
    /eth0 on the cluster network, .*rename the link/,
  ],
  [
    "a cluster network without room",
    "apiVersion: nsmkit.dev/v1alpha1\nkind: Lab\nmetadata: {name: x}\nspec: {cluster: {subnet: 10.0.0.0/30}}",
    /at least 16 addresses/,
  ],
  [
    "an etcd.conf that is no YAML",
    conf(name).replace("endpoints: [", "endpoints: [[") + agentWithEtcd("a"),
    /Pod a: .*etcd\.conf.*not valid YAML/,
  ],
] as const)
  test(`${what} is refused`, () => assert.match(problemsOf(text).join("\n") || "accepted", message));
