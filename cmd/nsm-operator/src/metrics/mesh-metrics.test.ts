import assert from "node:assert/strict";
import { test } from "node:test";
import { nsms } from "../status/status.ts";
import { smallNsm } from "../testing/small-mesh.ts";
import { World } from "../testing/world.ts";

async function scrape(world: World): Promise<string> {
  return (await fetch(`http://127.0.0.1:${world.operator?.port}/metrics`)).text();
}

test("a scrape tells of each mesh what its status says, and of each certificate when it ends", async () => {
  await using world = await new World().start();
  await world.server.create(nsms, smallNsm());
  await world.settled();
  await world.quiet();
  const text = await scrape(world);
  const mesh = 'namespace="nsm-system",mesh="mesh"';
  assert.ok(text.includes(`nsm_info{${mesh},version="v1.0.0",phase="Running"} 1\n`), text);
  const nsmgr = `{${mesh},component="managers",kind="DaemonSet",name="nsmgr"}`;
  assert.ok(text.includes(`nsm_component_ready${nsmgr} 3\n`));
  assert.ok(text.includes(`nsm_component_desired${nsmgr} 3\n`));
  assert.ok(text.includes(`nsm_upgrade_in_progress{${mesh}} 0\n`));
  const [, end = "0"] =
    /nsm_certificate_expiry_timestamp_seconds\{namespace="nsm-system",secret="webhook-certs"\} (\d+)/.exec(text) ?? [];
  const days = (Number(end) * 1000 - Date.now()) / 86_400_000;
  assert.ok(days > 360 && days < 370, `${days} days`);
});

test("an upgrade and a stuck part can be seen, and a mesh that is gone is not", async () => {
  await using world = await new World().start();
  await world.server.create(nsms, smallNsm());
  await world.settled();
  world.kubelets.fate = (object) => (object.metadata.name === "nsmgr" ? "stuck" : "ready");
  const at = { namespace: "nsm-system", name: "mesh" };
  await world.server.mergePatch(nsms, at, { spec: { version: "v1.1.0" } });
  await world.until((nsm) => nsm.status?.progress?.phase === "managers of v1.1.0");
  await world.quiet();
  const text = await scrape(world);
  assert.match(text, /nsm_upgrade_in_progress\{[^}]*\} 1/);
  assert.match(text, /nsm_component_ready\{[^}]*name="nsmgr"\} [012]\n/);
  await world.server.delete(nsms, at);
  await world.gone();
  await world.quiet();
  assert.doesNotMatch(await scrape(world), /^nsm_(info|component_ready)\{/m);
});
