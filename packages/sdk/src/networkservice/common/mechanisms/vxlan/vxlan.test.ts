import assert from "node:assert/strict";
import { test } from "node:test";
import { chain } from "../../../../chain/chain.ts";
import { RecordingEnd, requestOf, testContext } from "../../../../testing/elements.ts";
import type { NetworkServiceKind } from "../../../core/kind.ts";
import { beginServer } from "../../../core/rules.ts";
import { mtuServer } from "../mtu/server.ts";
import { selectMechanismServer } from "../select/server.ts";
import { vxlanParameters, vxlanServer } from "./server.ts";
import { compareAddresses, parseVni, VniPool } from "./vni.ts";

function setUp(tunnelIp = "10.0.0.2") {
  const pool = new VniPool();
  const select = selectMechanismServer({ VXLAN: vxlanServer({ tunnelIp, pool }) });
  const end = new RecordingEnd();
  const all = chain<NetworkServiceKind>([beginServer(), select, mtuServer({ uplinkMtu: 1500, tunnelIp })], end);
  const ask = async (parameters: Record<string, string>, id = "c") => {
    const preference = { cls: "REMOTE", type: "VXLAN", parameters };
    const reply = await all.request(testContext(), requestOf({ id }, [preference]));
    return { reply, parameters: { ...reply.mechanism?.parameters } };
  };
  return { all, ask, end, pool };
}
const vniOf = (parameters: Record<string, string>) => Number(parameters.vni);

test("the server adds its address, port and an identifier", async () => {
  const { ask } = setUp();
  const { parameters } = await ask({ src_ip: "10.0.0.1", src_port: "4789" });
  assert.deepEqual([parameters.dst_ip, parameters.dst_port, parameters.src_ip], ["10.0.0.2", "4789", "10.0.0.1"]);
  assert.ok(vniOf(parameters) > 0 && vniOf(parameters) < 2 ** 24);
});

test("the identifier is even when the client's side has the smaller address, odd when not", async () => {
  const { ask } = setUp("10.0.0.2");
  for (let at = 0; at < 20; at++) {
    assert.equal(vniOf((await ask({ src_ip: "10.0.0.1" }, `e${at}`)).parameters) % 2, 0);
    assert.equal(vniOf((await ask({ src_ip: "10.0.0.2" }, `s${at}`)).parameters) % 2, 0);
    assert.equal(vniOf((await ask({ src_ip: "10.0.0.10" }, `o${at}`)).parameters) % 2, 1);
  }
});

test("between meshes the original addresses decide", async () => {
  const { ask } = setUp("10.0.0.2");
  const original = { orig_src_ip: "192.0.2.9", orig_dst_ip: "192.0.2.1" };
  assert.equal(vniOf((await ask({ src_ip: "10.0.0.1", ...original })).parameters) % 2, 1);
});

test("a refresh keeps the identifier, with or without it in the request", async () => {
  const { all, ask, pool } = setUp();
  const { reply, parameters } = await ask({ src_ip: "10.0.0.1" });
  assert.deepEqual((await ask({ src_ip: "10.0.0.1" })).parameters.vni, parameters.vni);
  const again = await all.request(testContext(), requestOf(reply));
  assert.deepEqual([again.mechanism?.parameters.vni, pool.size], [parameters.vni, 1]);
});

test("an identifier from before a restart is kept, and one that carries another connection refused", async () => {
  const { ask } = setUp();
  assert.equal((await ask({ src_ip: "10.0.0.1", vni: "4242" })).parameters.vni, "4242");
  await assert.rejects(ask({ src_ip: "10.0.0.1", vni: "4242" }, "other"), /4242 from 10.0.0.1 carries another/);
  assert.equal((await ask({ src_ip: "10.0.0.3", vni: "4242" }, "third")).parameters.vni, "4242");
});

test("close and a failed first request give the identifier back", async () => {
  const { all, ask, end, pool } = setUp();
  await all.close(testContext(), (await ask({ src_ip: "10.0.0.1" })).reply);
  assert.equal(pool.size, 0);
  end.reply = () => Promise.reject(new Error("no"));
  await assert.rejects(ask({ src_ip: "10.0.0.1" }));
  assert.equal(pool.size, 0);
});

const broken: readonly Record<string, string>[] = [
  {},
  { src_ip: "nowhere" },
  { src_ip: "10.0.0.1", vni: "16777216" },
  { src_ip: "10.0.0.1", vni: "-1" },
];
for (const parameters of broken)
  test(`parameters ${JSON.stringify(parameters)} are refused`, async () => {
    await assert.rejects(setUp().ask(parameters), { code: "UNSUPPORTED" });
  });

test("addresses compare byte by byte, IPv4 as mapped IPv6", () => {
  assert.ok(compareAddresses("10.0.0.9", "10.0.0.10") < 0);
  assert.ok(compareAddresses("10.0.0.1", "::1") > 0);
  assert.ok(compareAddresses("fd00::1", "10.0.0.1") > 0);
  assert.throws(() => compareAddresses("10.1", "10.0.0.1"), { code: "INVALID_ARGUMENT" });
});

test("zero and nothing are no identifier", () => {
  assert.deepEqual(
    [parseVni(undefined), parseVni(""), parseVni("0"), parseVni("7")],
    [undefined, undefined, undefined, 7],
  );
});

test("a pool that is all but full says so", () => {
  const pool = new VniPool();
  pool.claim = () => false;
  assert.throws(() => pool.take("10.0.0.1", 0), { code: "RESOURCE_EXHAUSTED", message: /10\.0\.0\.1/ });
});

test("the tunnel's overhead lowers the MTU of the mechanism and of the connection", async () => {
  const { ask } = setUp();
  const { reply, parameters } = await ask({ src_ip: "10.0.0.1" });
  assert.deepEqual([parameters.MTU, reply.context?.MTU], ["1446", 1446]);
  const lower = await ask({ src_ip: "10.0.0.1", MTU: "1300" }, "d");
  assert.deepEqual([lower.parameters.MTU, lower.reply.context?.MTU], ["1300", 1300]);
});

test("over IPv6 the overhead is larger", async () => {
  const { ask } = setUp("fd00::2");
  assert.equal((await ask({ src_ip: "fd00::1" })).parameters.MTU, "1426");
});

test("the client's side says what its uplink carries, and the lower of both counts", async () => {
  const { ask } = setUp();
  const preference = vxlanParameters("10.0.0.1", 1400);
  assert.deepEqual(preference, { src_ip: "10.0.0.1", src_port: "4789", MTU: "1346" });
  assert.equal((await ask(preference)).reply.context?.MTU, 1346);
  assert.equal(vxlanParameters("10.0.0.1").MTU, undefined);
});
