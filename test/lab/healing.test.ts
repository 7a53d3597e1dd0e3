import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { LabStatus } from "../../cmd/nsmctl/src/lab/supervisor/status-types.ts";
import { Bench, checkout, sleep, users, withoutIptables } from "./support.ts";

const chain = join(checkout, "examples/nat-chain");
const user = users.find(({ skip }) => skip === undefined) ?? users[0];

describe("a chain whose programs are killed", {
  skip: user?.skip ?? withoutIptables ?? false,
  timeout: 300_000,
}, () => {
  if (!user) return;
  const bench = new Bench(user);
  before(() => bench.ok("up", chain).then(() => undefined));
  after(() => bench[Symbol.asyncDispose]());

  const victims: Record<string, (status: LabStatus) => number | undefined> = {
    nsmgr: (status) => status.nodes[0]?.programs.find(({ name }) => name === "nsmgr")?.pid,
    forwarder: (status) => status.nodes[0]?.programs.find(({ name }) => name === "forwarder")?.pid,
    "the client's agent": (status) => agentOf(status, "client"),
    "the NAT's agent": (status) => agentOf(status, "nat"),
    "the web server's agent": (status) => agentOf(status, "web"),
  };
  for (const [name, pidOf] of Object.entries(victims))
    test(`carries traffic again after SIGKILL of ${name}`, async () => {
      const pid = pidOf(await bench.status());
      assert.ok(pid !== undefined);
      process.kill(pid, "SIGKILL");
      await untilReady(bench, (status) => pidOf(status) !== pid);
      await bench.ok("check");
    });

  test("keeps network services when the registry is killed, and takes new connections", async () => {
    const status = await bench.status();
    assert.ok(status.registry.pid !== undefined);
    process.kill(status.registry.pid, "SIGKILL");
    await untilReady(bench, (now) => now.registry.pid !== undefined && now.registry.pid !== status.registry.pid);
    // A new client needs the service and the endpoints in the new registry.
    await bench.ok("delete", "pod/client");
    await bench.ok("up", chain);
    await bench.ok("check");
  });

  test("heals when an endpoint's Pod goes and comes back", async () => {
    await bench.ok("delete", "--wait", "0", "pod/web");
    await bench.ok("up", chain);
    await bench.ok("check");
  });
});

function agentOf(status: LabStatus, pod: string): number | undefined {
  return status.pods.find(({ name }) => name === pod)?.containers.find(({ agent }) => agent)?.pid;
}

async function untilReady(bench: Bench, changed: (status: LabStatus) => boolean): Promise<void> {
  let last: LabStatus | undefined;
  for (let i = 0; i < 200; i++) {
    last = await bench.status();
    if (changed(last) && last.pods.every(({ ready }) => ready) && last.nodes.every(({ ready }) => ready)) return;
    await sleep(50);
  }
  assert.fail(JSON.stringify(last, null, 1));
}
