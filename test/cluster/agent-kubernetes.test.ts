// nsm-agent-linux with SOURCE=kubernetes against a real API server, with exactly the rights of deploy/agent-kubernetes.yaml.
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { suite, test } from "node:test";
import { cnfConfigurationDefinition, cnfConfigurationResource } from "@nsmkit/agent/cnf-configuration";
import { KubeClient, type KubeObject, type Resource, type UnknownObject } from "@nsmkit/kube";
import { parseAllDocuments } from "yaml";
import { type Agent, cannotRun, type Pod, until, World } from "../netns/agent-world.ts";
import { ControlPlane, controlPlaneMissing } from "./control-plane.ts";

const skip = controlPlaneMissing() ?? (await cannotRun());
const manifest = join(import.meta.dirname, "../../deploy/agent-kubernetes.yaml");

interface Configuration extends KubeObject {
  readonly status?: {
    readonly observedGeneration?: number;
    readonly configured?: string;
    readonly conditions?: readonly { type: string; status: string; reason: string; message: string }[];
    readonly items?: readonly { state: string; message?: string }[];
  };
}
const configurations: Resource<Configuration> = cnfConfigurationResource;

const plurals: Readonly<Record<string, readonly [plural: string, namespaced: boolean]>> = {
  ServiceAccount: ["serviceaccounts", true],
  ClusterRole: ["clusterroles", false],
  ClusterRoleBinding: ["clusterrolebindings", false],
  CustomResourceDefinition: ["customresourcedefinitions", false],
};

async function documents(): Promise<UnknownObject[]> {
  return parseAllDocuments(await readFile(manifest, "utf8")).map((one) => one.toJS() as UnknownObject);
}

class Site implements AsyncDisposable {
  readonly world: World;
  readonly plane: ControlPlane;
  readonly client: KubeClient;
  readonly pod: Pod;

  private constructor(world: World, plane: ControlPlane, client: KubeClient, pod: Pod) {
    this.world = world;
    this.plane = plane;
    this.client = client;
    this.pod = pod;
  }

  static async open(): Promise<Site> {
    const world = await World.open();
    const plane = world.use(await ControlPlane.start());
    const client = world.use(new KubeClient(await plane.config()));
    const site = new Site(world, plane, client, await world.pod());
    await site.#install();
    await site.#relay();
    return site;
  }

  async #install(): Promise<void> {
    for (const object of await documents()) {
      const [group, version = ""] = object.apiVersion.includes("/") ? object.apiVersion.split("/") : ["", "v1"];
      const [plural = "", namespaced = false] = plurals[object.kind] ?? [];
      const resource = { group: group ?? "", version, kind: object.kind, plural, namespaced };
      await this.client.apply(resource, object, { fieldManager: "test" });
    }
    await until(
      () =>
        this.client.list(configurations).then(
          () => true,
          () => false,
        ),
      "CNFConfigurations are served",
    );
  }

  /** The API server is on this machine's loopback; the Pod reaches it at the same port of its own. */
  async #relay(): Promise<void> {
    const { port } = new URL(this.plane.url);
    const socket = join(this.world.directory, "api.sock");
    const server = createServer((inside) => {
      const outside = connect(Number(port), "127.0.0.1");
      inside.pipe(outside).pipe(inside);
      for (const [one, other] of [
        [inside, outside],
        [outside, inside],
      ] as const) {
        one.on("error", () => {});
        one.on("close", () => other.destroy());
      }
    });
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    this.world.defer(() => void server.close());
    const code = `const n=require("net");n.createServer(a=>{const b=n.connect(${JSON.stringify(socket)});a.pipe(b).pipe(a);for(const[x,y]of[[a,b],[b,a]]){x.on("error",()=>{});x.on("close",()=>y.destroy())}}).listen(${port},"127.0.0.1",()=>console.log("ready"))`;
    await (await this.world.script(this.pod, code)).line;
  }

  async agent(label: string): Promise<Agent> {
    const token = await this.client.create<UnknownObject>(
      {
        group: "",
        version: "v1",
        kind: "ServiceAccount",
        plural: "namespaces/default/serviceaccounts/nsm-agent/token",
        namespaced: false,
      },
      { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", metadata: {}, spec: {} } as UnknownObject,
    );
    const config = JSON.parse(await readFile(await this.plane.kubeconfig(), "utf8")) as {
      users: { user: { token: string } }[];
    };
    const [entry] = config.users;
    if (entry) entry.user.token = (token.status as { token: string }).token;
    const kubeconfig = join(this.world.directory, `${label}.kubeconfig`);
    await writeFile(kubeconfig, JSON.stringify(config), { mode: 0o600 });
    return this.world.agent(this.pod, label, "", { SOURCE: "kubernetes", KUBECONFIG: kubeconfig });
  }

  put(name: string, ...items: readonly { microservice?: string; type?: string; data: string }[]): Promise<unknown> {
    const configItems = items.map(({ type = "interface", ...item }) => ({
      module: type === "interface" ? "linux.interfaces" : "linux.l3",
      type,
      ...item,
    }));
    const object = { apiVersion: "pantheon.tech/v1", kind: "CNFConfiguration" };
    return this.client.apply(
      configurations,
      {
        ...object,
        metadata: { name, namespace: "default" },
        spec: { microservice: "box", configItems },
      } as Configuration,
      { fieldManager: "user" },
    );
  }

  /** "True Configured 2/2", of the present generation. */
  async ready(name: string): Promise<string> {
    const { status, metadata } = await this.client.get(configurations, { namespace: "default", name });
    const ready = status?.conditions?.find(({ type }) => type === "Ready");
    if (status?.observedGeneration !== metadata.generation) return "not observed";
    return `${ready?.status} ${ready?.reason} ${status?.configured}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world.close();
  }
}

const veth = (name: string, peer: string, address?: string): { data: string } => ({
  data: `name: ${name}\ntype: VETH\nenabled: true\nveth: {peer_if_name: ${peer}}\n${address ? `ip_addresses: [${address}]\n` : ""}`,
});

suite("an agent reads CNFConfigurations from the Kubernetes API", { skip, timeout: 180_000 }, () => {
  test("the definition in the manifest is the one that cnf-crd installs", async () => {
    const found = (await documents()).find(({ kind }) => kind === "CustomResourceDefinition");
    assert.deepEqual(found, JSON.parse(JSON.stringify(cnfConfigurationDefinition)));
  });

  test("applied is configured and Ready, changed is changed, waiting says for what, deleted is gone", async () => {
    await using site = await Site.open();
    const agent = await site.agent("box");
    await site.put("pair", veth("left", "right", "10.1.0.1/24"), veth("right", "left"));
    await until(async () => (await site.ready("pair")) === "True Configured 2/2", "pair is ready");
    assert.deepEqual(await site.pod.addresses("left"), ["10.1.0.1/24"]);

    await site.put("route", {
      type: "route",
      data: "dst_network: 10.9.0.0/16\ngw_addr: 10.2.0.9\noutgoing_interface: left",
    });
    await until(async () => (await site.ready("route")) === "False ItemsPending 0/1", "route waits");
    const { status } = await site.client.get(configurations, { namespace: "default", name: "route" });
    assert.match(status?.items?.[0]?.message ?? "", /^waits for .*10\.2\.0\.9/);
    await site.put("pair", veth("left", "right", "10.2.0.1/24"), veth("right", "left"));
    await until(async () => (await site.ready("route")) === "True Configured 1/1", "route is ready");
    assert.deepEqual(await site.pod.addresses("left"), ["10.2.0.1/24"]);

    await site.put("pair", veth("left", "right", "10.2.0.1/24"), { data: "name: right\ntype: VETHH\n" });
    await until(async () => (await site.ready("pair")).startsWith("False Invalid"), "pair is refused");
    assert.deepEqual(await site.pod.addresses("left"), ["10.2.0.1/24"]);

    // Steady: nobody writes.
    const versions = async (): Promise<string> =>
      (await site.client.list(configurations)).items.map(({ metadata }) => metadata.resourceVersion).join();
    const before = await versions();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    assert.equal(await versions(), before);

    // What is deleted while the agent is away goes when it comes back.
    await agent.kill();
    await site.client.delete(configurations, { namespace: "default", name: "route" });
    await site.client.delete(configurations, { namespace: "default", name: "pair" });
    await site.agent("box");
    await until(async () => (await site.pod.handle.linkList()).every(({ name }) => name === "lo"), "links are gone");
  });

  test("the API server may be away when the agent starts, and die later; nothing is taken down for it", async () => {
    await using site = await Site.open();
    await site.put("pair", veth("left", "right", "10.1.0.1/24"), veth("right", "left"));
    const agent = await site.agent("box");
    await until(async () => (await site.ready("pair")) === "True Configured 2/2", "pair is ready");
    await site.plane.killApiServer();
    await agent.kill();
    await agent.start();
    assert.deepEqual(await site.pod.addresses("left"), ["10.1.0.1/24"]);
    await site.plane.startApiServer();
    await site.put("pair", veth("left", "right", "10.3.0.1/24"), veth("right", "left"));
    await until(async () => (await site.pod.addresses("left")).join() === "10.3.0.1/24", "the new address", 30_000);
    await until(async () => (await site.ready("pair")) === "True Configured 2/2", "ready again", 10_000);
  });

  test("two agents share a resource", async () => {
    await using site = await Site.open();
    await site.agent("box");
    await site.put("both", veth("a1", "a2"), veth("a2", "a1"), {
      microservice: "other",
      data: "name: lo\ntype: LOOPBACK\nenabled: true",
    });
    await until(async () => (await site.ready("both")) === "Unknown NotReported 2/3", "the first one's part");
    await site.agent("other");
    await until(async () => (await site.ready("both")) === "True Configured 3/3", "both parts");
  });
});
