/**
 * Operators that die, on a real API server: after each of their writes, one life for each, and as processes that are killed
 * before and after a write. `--full`, or NSMKIT_FULL=1 under the test command, tries every write, else a sample.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Client } from "@nsmkit/kube";
import { type Nsm, nsms } from "../../cmd/nsm-operator/src/status/status.ts";
import { MortalClient } from "../../cmd/nsm-operator/src/testing/mortal-client.ts";
import { smallMesh, smallNsm } from "../../cmd/nsm-operator/src/testing/small-mesh.ts";
import { isReady, leftovers, until } from "../../cmd/nsm-operator/src/testing/world.ts";
import { ChaosProxy } from "./chaos-proxy.ts";
import { ControlPlane, controlPlaneMissing, freePort } from "./control-plane.ts";
import { namespace, OperatorWorld } from "./operator-world.ts";

const full = process.argv.includes("--full") || process.env.NSMKIT_FULL === "1";
/** Every n-th write of a sample, so that the first and the last stages of each story are in it. */
const stride = full ? 1 : 9;

describe("operators that die on a real API server", { skip: controlPlaneMissing() ?? false }, () => {
  let plane: ControlPlane;
  let world: OperatorWorld;
  let proxy: ChaosProxy;
  before(async () => {
    plane = await ControlPlane.start();
    world = await OperatorWorld.open(plane);
    proxy = await ChaosProxy.start(await plane.config());
  });
  after(async () => {
    await world?.close();
    await proxy?.close();
    await plane?.close();
  });

  const at = { namespace, name: "mesh" };

  interface Story {
    readonly prepare?: () => Promise<unknown>;
    readonly act: () => Promise<unknown>;
    readonly ended: () => Promise<unknown>;
    readonly check: () => Promise<void>;
  }

  /** Lets an operator die at its n-th write of the story, then another one go on. @returns whether it outlived the story */
  async function dieAt(n: number, story: Story): Promise<boolean> {
    const config = { webhookListenOn: `127.0.0.1:${await freePort()}` };
    // One life before, so that what the operator needs for itself is there and each number means the same write.
    await world.startOperator({ port: smallMesh, config });
    await until(
      async () => world.operator?.webhookReady,
      (ready) => ready === true,
      undefined,
      20_000,
    );
    await story.prepare?.();
    await world.stopOperator();
    let mortal: MortalClient | undefined;
    const wrap = (client: Client): Client => {
      mortal = new MortalClient(client, n);
      return mortal.client;
    };
    await world.startOperator({ port: smallMesh, config, wrap });
    await story.act();
    const died = mortal?.died.then(() => false) ?? Promise.resolve(false);
    const ended = story.ended().then(() => true);
    const lived = await Promise.race([died, ended]);
    await world.stopOperator();
    await world.freeLease();
    await world.startOperator({ port: smallMesh, config, through: proxy });
    await ended;
    await story.ended();
    await steady();
    await story.check();
    if (await world.admin.delete(nsms, at)) await world.gone("mesh");
    assert.deepEqual(await leftovers(world.admin), []);
    await world.stopOperator();
    return lived;
  }

  /** Nothing is written any more, looked at through the proxy. */
  async function steady(): Promise<void> {
    const quiet = async (ms: number): Promise<readonly string[]> => {
      const from = proxy.written.length;
      await new Promise((resolve) => setTimeout(resolve, ms));
      return proxy.written.slice(from);
    };
    await until(
      () => quiet(150),
      (written) => written.length === 0,
      undefined,
      20_000,
    );
    assert.deepEqual(await quiet(150), []);
  }

  async function dieEverywhere(story: Story): Promise<string> {
    for (let n = 1; ; n += stride) {
      if (await dieAt(n, story)) return `${n - 1} writes, every ${stride}th tried`;
      assert.ok(n < 200, "the operator writes without end");
    }
  }

  const install = async (): Promise<void> => {
    await world.admin.create(nsms, smallNsm());
    await world.settled("mesh");
  };
  const limit = { timeout: full ? 1_200_000 : 180_000 };

  test("an install goes on wherever the operator died", limit, async (t) => {
    const story = {
      act: () => world.admin.create(nsms, smallNsm()),
      ended: () => world.settled("mesh"),
      check: async () => assert.equal((await leftovers(world.admin)).length, 12),
    };
    t.diagnostic(await dieEverywhere(story));
  });

  test("an upgrade over two releases and its migrations goes on wherever the operator died", limit, async (t) => {
    const story = {
      prepare: install,
      act: () => world.admin.mergePatch(nsms, at, { spec: { version: "v1.2.0" } }),
      ended: () => world.until((nsm) => isReady(nsm) && nsm.status?.currentVersion === "v1.2.0", "mesh"),
      check: async () => {
        const { status } = await world.admin.get(nsms, at);
        assert.deepEqual([...new Set(status?.components?.map((one) => one.version))], ["v1.2.0"]);
        assert.deepEqual(
          status?.history?.map((one) => one.message),
          ["upgraded from v1.1.0 to v1.2.0", "upgraded from v1.0.0 to v1.1.0", "installed v1.0.0"],
        );
        assert.deepEqual([status?.upgrade, status?.change, status?.plan, status?.policies], Array(4).fill(undefined));
      },
    };
    t.diagnostic(await dieEverywhere(story));
  });

  test("a removal goes on wherever the operator died, and leaves nothing", limit, async (t) => {
    const story = {
      prepare: install,
      act: () => world.admin.delete(nsms, at),
      ended: () => world.gone("mesh"),
      check: async () => assert.deepEqual(await leftovers(world.admin), []),
    };
    t.diagnostic(await dieEverywhere(story));
  });

  test("the program itself, killed before or after every tenth write, installs, upgrades and removes", {
    timeout: 240_000,
  }, async (t) => {
    const mesh: Nsm = {
      apiVersion: "nsm.networkservicemesh.io/v1alpha1",
      kind: "NSM",
      metadata: at,
      spec: { version: "v1.17.0", registry: { type: "k8s" }, forwarders: [{ type: "vpp" }], spire: "external" },
    };
    const supervisor = new Supervisor(await kubeconfigOf(plane, proxy));
    let writes = 0;
    proxy.fault = ({ write }) => {
      if (!write || ++writes % 10 !== 0) return undefined;
      supervisor.kill();
      // Half of the time the write is done and its writer dead, else the write never came.
      return { cut: writes % 20 === 0 ? "after" : "before" };
    };
    const running = supervisor.run(() => world.freeLease());
    try {
      await until(
        async () => world.admin.list(nsms).catch(() => undefined),
        (list) => list !== undefined,
        undefined,
        30_000,
      );
      await world.admin.create(nsms, mesh);
      await world.settled("mesh", 60_000);
      await world.admin.mergePatch(nsms, at, { spec: { version: "v1.18.0" } });
      await world.until((nsm) => isReady(nsm) && nsm.status?.currentVersion === "v1.18.0", "mesh", 60_000);
      await steady();
      await world.admin.delete(nsms, at);
      await world.gone("mesh", 60_000);
      assert.deepEqual(await leftovers(world.admin), []);
      t.diagnostic(`${supervisor.deaths} deaths in ${writes} writes`);
      assert.ok(supervisor.deaths >= 5);
    } finally {
      proxy.fault = () => undefined;
      await supervisor.end();
      await running;
    }
  });
});

/** Starts the program again when it was killed, as a kubelet does. */
class Supervisor {
  deaths = 0;
  readonly #kubeconfig: string;
  #child: ChildProcess | undefined;
  #ended = false;

  constructor(kubeconfig: string) {
    this.#kubeconfig = kubeconfig;
  }

  async run(between: () => Promise<void>): Promise<void> {
    const program = join(import.meta.dirname, "../../cmd/nsm-operator/src/main.ts");
    while (!this.#ended) {
      const child = spawn(process.execPath, [program], {
        stdio: ["ignore", "ignore", "inherit"],
        env: {
          ...{ PATH: process.env.PATH, KUBECONFIG: this.#kubeconfig, NSM_LOG_LEVEL: "FATAL" },
          ...{ WATCH_NAMESPACE: namespace, POD_NAMESPACE: namespace, POD_NAME: "killed" },
          ...{ NSM_OPERATOR_LISTEN_ON: "127.0.0.1:0", NSM_OPERATOR_WEBHOOK_LISTEN_ON: "127.0.0.1:0" },
        },
      });
      this.#child = child;
      await new Promise((resolve) => child.once("exit", resolve));
      if (!this.#ended) await between();
    }
  }

  kill(): void {
    if (this.#child?.exitCode !== null || this.#child.killed) return;
    this.deaths++;
    this.#child.kill("SIGKILL");
  }

  async end(): Promise<void> {
    this.#ended = true;
    this.#child?.kill("SIGKILL");
  }
}

/** Of an administrator who takes the proxy for the API server. */
async function kubeconfigOf(plane: ControlPlane, proxy: ChaosProxy): Promise<string> {
  const file = await plane.kubeconfig();
  const config = JSON.parse(await readFile(file, "utf8"));
  const ca = Buffer.from(proxy.ca).toString("base64");
  config.clusters[0].cluster = { server: proxy.url, "certificate-authority-data": ca };
  await writeFile(`${file}-chaos`, JSON.stringify(config), { mode: 0o600 });
  return `${file}-chaos`;
}
