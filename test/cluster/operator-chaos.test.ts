/** Real meshes on a real API server, through a proxy that does to the operator what networks and busy servers do. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { type Nsm, nsms } from "../../cmd/nsm-operator/src/status/status.ts";
import { isReady, leftovers, until } from "../../cmd/nsm-operator/src/testing/world.ts";
import { ChaosProxy, type Fault, type Proxied } from "./chaos-proxy.ts";
import { ControlPlane, controlPlaneMissing } from "./control-plane.ts";
import { namespace, OperatorWorld } from "./operator-world.ts";

const at = { namespace, name: "chaos" };
const mesh: Nsm = {
  apiVersion: "nsm.networkservicemesh.io/v1alpha1",
  kind: "NSM",
  metadata: at,
  spec: {
    version: "v1.17.0",
    registry: { type: "k8s" },
    forwarders: [{ type: "vpp" }],
    webhook: {},
    spire: "external",
  },
};

/** One in n of the requests that `which` takes, the same ones in every run: a fixed rhythm could fall in with ours. */
function one(n: number, which: (request: Proxied) => boolean, fault: Fault): (request: Proxied) => Fault | undefined {
  let state = 12_345;
  return (request) => {
    if (!which(request)) return undefined;
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 16) % n === 0 ? fault : undefined;
  };
}
const writes = ({ write }: Proxied): boolean => write;
const reads = ({ write, watch }: Proxied): boolean => !write && !watch;
const watches = ({ watch }: Proxied): boolean => watch;

const faults: Readonly<Record<string, () => (request: Proxied) => Fault | undefined>> = {
  "one write in three is a conflict": () => one(3, writes, { answer: 409, reason: "Conflict" }),
  "one request in twelve is too many, come back in a second": () =>
    one(12, ({ watch }) => !watch, { answer: 429, retryAfterSeconds: 1, reason: "TooManyRequests" }),
  "one write in three is an internal error": () => one(3, writes, { answer: 500, reason: "InternalError" }),
  "one request in five finds no server behind the load balancer": () => one(5, () => true, { answer: 503 }),
  "every answer is slow": () => one(1, ({ watch }) => !watch, { delayMs: 30 }),
  "one write in three is done and nobody hears of it": () => one(3, writes, { cut: "after" }),
  "one connection in four ends before it is heard": () => one(4, () => true, { cut: "before" }),
  "one read in three is cut off": () => one(3, reads, { cutAfterBytes: 100 }),
  "every watch is cut in the middle of a line": () => one(1, watches, { cutAfterBytes: 5_000 }),
  "every watch says that its version is too old": () => one(1, watches, { expireAfterMs: 300 }),
  "watches come drop by drop": () => one(1, watches, { bytesPerMs: 40 }),
};

/** All of it at once, less often. */
function mixture(): (request: Proxied) => Fault | undefined {
  const parts = [
    one(20, writes, { answer: 409, reason: "Conflict" }),
    one(60, ({ watch }) => !watch, { answer: 429, retryAfterSeconds: 1, reason: "TooManyRequests" }),
    one(20, writes, { answer: 500, reason: "InternalError" }),
    one(20, () => true, { answer: 503 }),
    one(15, writes, { cut: "after" }),
    one(20, () => true, { cut: "before" }),
    one(20, reads, { cutAfterBytes: 100 }),
    one(4, watches, { cutAfterBytes: 20_000 }),
    one(4, watches, { expireAfterMs: 300 }),
    one(4, ({ watch }) => !watch, { delayMs: 20 }),
  ];
  return (request) => parts.map((part) => part(request)).find((fault) => fault !== undefined);
}

/** `--full`, or NSMKIT_FULL=1 under the test command, tries each fault by itself. */
const full = process.argv.includes("--full") || process.env.NSMKIT_FULL === "1";

describe("the operator behind a bad network", { skip: controlPlaneMissing() ?? false }, () => {
  let plane: ControlPlane;
  let world: OperatorWorld;
  let proxy: ChaosProxy;
  /** As a Deployment does: an operator that ends, since it lost its Lease, is started again. */
  async function supervised(): Promise<void> {
    await until(
      () => world.startOperator({ through: proxy }).catch(() => undefined),
      (operator) => operator !== undefined,
      undefined,
      30_000,
    );
    const ended = world.operator?.done;
    ended?.catch(async () => {
      await world.stopOperator();
      await supervised();
    });
  }
  before(async () => {
    plane = await ControlPlane.start();
    world = await OperatorWorld.open(plane);
    proxy = await ChaosProxy.start(await plane.config());
    await supervised();
    await until(
      async () => world.admin.list(nsms).catch(() => undefined),
      (list) => list !== undefined,
      undefined,
      30_000,
    );
  });
  afterEach(async () => {
    proxy.fault = () => undefined;
    if ((await world.admin.find(nsms, at)) === undefined) return;
    // The test failed; the next one shall not.
    await world.stopOperator();
    await world.freeLease();
    await supervised();
    await world.admin.delete(nsms, at);
    await world.gone("chaos", 60_000);
  });
  after(async () => {
    await world?.close();
    await proxy?.close();
    await plane?.close();
  });

  /** An install, an upgrade and a removal; steady in between. */
  async function lives(meanwhile: (stage: "install" | "upgrade" | "removal") => Promise<void> = async () => {}) {
    await world.admin.create(nsms, mesh);
    await meanwhile("install");
    await world.settled("chaos", 60_000);
    await steady();
    await world.admin.mergePatch(nsms, at, { spec: { version: "v1.18.0" } });
    await meanwhile("upgrade");
    await world.until((nsm) => isReady(nsm) && nsm.status?.currentVersion === "v1.18.0", "chaos", 60_000);
    await steady();
    await until(
      () => world.admin.delete(nsms, at).catch(() => false),
      (done) => done,
      undefined,
      30_000,
    );
    await meanwhile("removal");
    await world.gone("chaos", 60_000);
    assert.deepEqual(await leftovers(world.admin), []);
  }

  /** What is under way ends, and then nothing is written any more, though the faults go on. */
  async function steady(): Promise<void> {
    const quiet = async (ms: number): Promise<readonly string[]> => {
      const from = proxy.written.length;
      await new Promise((resolve) => setTimeout(resolve, ms));
      return proxy.written.slice(from);
    };
    await until(
      () => quiet(1_100),
      (written) => written.length === 0,
      undefined,
      20_000,
    );
    assert.deepEqual(await quiet(800), []);
  }

  const tried = { ...(full ? faults : {}), "all that networks and busy servers do happens": mixture };
  for (const [title, make] of Object.entries(tried)) {
    test(`a mesh is installed, upgraded and removed while ${title}`, { timeout: 180_000 }, async () => {
      proxy.fault = make();
      proxy.faults = 0;
      proxy.cutAll();
      await lives();
      assert.ok(proxy.faults >= 5, `only ${proxy.faults} faults`);
    });
  }

  test("a mesh is installed, upgraded and removed while the API server is restarted in each", {
    timeout: 180_000,
  }, async () => {
    proxy.fault = () => undefined;
    await lives(async () => {
      await new Promise((resolve) => setTimeout(resolve, 150));
      await plane.killApiServer();
      await plane.startApiServer();
    });
  });

  test("a mesh is installed, upgraded and removed while etcd is restarted in each", { timeout: 180_000 }, async () => {
    proxy.fault = () => undefined;
    await lives(async () => {
      await new Promise((resolve) => setTimeout(resolve, 150));
      await plane.killEtcd();
      await new Promise((resolve) => setTimeout(resolve, 500));
      await plane.startEtcd();
    });
  });
});
