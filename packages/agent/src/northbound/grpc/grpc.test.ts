import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import {
  Item_IDSchema,
  ManagerService,
  MetaService,
  UpdateResult_Operation as Operation,
  type SetConfigRequestSchema,
} from "@nsmkit/api/generic";
import { linuxInterfaceModel, linuxRouteModel, packItem, parseValue } from "@nsmkit/api/model";
import { ServerReflection, ServerReflectionV1alpha } from "@nsmkit/api/reflection";
import { grpcWorld } from "./fixtures/world.ts";

async function world() {
  const w = await grpcWorld();
  const set = async (request: MessageInitShape<typeof SetConfigRequestSchema>, metadata: [string, string][] = []) =>
    (
      await w.channel.unary(ManagerService.method.setConfig, create(ManagerService.method.setConfig.input, request), {
        metadata: new Map(metadata.map(([key, value]) => [key, [value]])),
      })
    ).message.results;
  return { ...w, set };
}

const dummy = (name: string, more: object = {}) =>
  packItem(linuxInterfaceModel, parseValue(linuxInterfaceModel, { name, type: "DUMMY", ...more }));
const interfaceId = (name: string) => create(Item_IDSchema, { model: "linux.interfaces.interface", name });

test("SetConfig puts and deletes items and says what became of each, after the transaction's number", async () => {
  await using w = await world();
  const results = await w.set({ updates: [{ item: dummy("a") }, { item: dummy("b") }] });
  assert.equal(results[0]?.key, "seqnum");
  assert.match(results[0]?.status?.message ?? "", /^\d+$/);
  assert.deepEqual(
    results.slice(1).map(({ key, op, status, id }) => [key, Operation[op], status?.status, id?.name]),
    [
      ["config/linux/interfaces/v2/interface/a", "CREATE", "CONFIGURED", "a"],
      ["config/linux/interfaces/v2/interface/b", "CREATE", "CONFIGURED", "b"],
    ],
  );
  const [, deleted] = await w.set({ updates: [{ item: { id: interfaceId("a") } }] });
  assert.deepEqual([Operation[deleted?.op ?? 0], deleted?.status?.status], ["DELETE", "NONEXISTENT"]);
  assert.deepEqual(
    (await w.netlink.handle().linkList()).map(({ name }) => name),
    ["lo", "b"],
  );
});

test("one wrong item refuses the whole request and names all that is wrong", async () => {
  await using w = await world();
  await assert.rejects(
    w.set({
      updates: [{ item: dummy("a") }, { item: dummy("b", { mtu: 5 }) }, { item: dummy("c", { ip_addresses: ["x"] }) }],
    }),
    (error: Error & { code?: string }) => {
      assert.equal(error.code, "INVALID_ARGUMENT");
      assert.match(error.message, /updates\[1\]: linux.interfaces interface "b": field "mtu" is 5/);
      assert.match(error.message, /updates\[2\]: linux.interfaces interface "c": field "ip_addresses\[0\]" is "x"/);
      return true;
    },
  );
  assert.deepEqual(
    (await w.netlink.handle().linkList()).map(({ name }) => name),
    ["lo"],
  );
  await assert.rejects(w.set({ updates: [{ item: { id: { model: "vpp.interfaces", name: "x" } } }] }), /unknown model/);
});

test("overwrite_all withdraws what the same source put before, and nothing of other sources", async () => {
  await using w = await world();
  await w.set({ updates: [{ item: dummy("a") }] });
  await w.set({ updates: [{ item: dummy("b") }] }, [["datasrc", "other"]]);
  await w.set({ updates: [{ item: dummy("c") }], overwriteAll: true });
  assert.deepEqual((await w.netlink.handle().linkList()).map(({ name }) => name).sort(), ["b", "c", "lo"]);
});

test("GetConfig selects by id or by labels, with the status of what is derived", async () => {
  await using w = await world();
  await w.set({
    updates: [
      { item: dummy("a", { ip_addresses: ["10.0.0.1/24"] }), labels: { io: "x" } },
      { item: dummy("b"), labels: { io: "y", tmp: "" } },
    ],
  });
  const get = async (request: object) =>
    (
      await w.channel.unary(ManagerService.method.getConfig, create(ManagerService.method.getConfig.input, request))
    ).message.items.map(({ item, status, labels }) => [item?.id?.name, status?.status, labels]);
  assert.deepEqual(await get({ ids: [interfaceId("b")] }), [["b", "CONFIGURED", { io: "y", tmp: "" }]]);
  assert.deepEqual(
    (await get({ labels: { io: "" } })).map(([name]) => name),
    ["a", "b"],
  );
  assert.deepEqual(
    (await get({ labels: { io: "x" } })).map(([name]) => name),
    ["a"],
  );
  assert.deepEqual(
    (await get({ labels: { io: "", "!tmp": "" } })).map(([name]) => name),
    ["a"],
  );
  await assert.rejects(get({ ids: [interfaceId("a")], labels: { io: "" } }), { code: "INVALID_ARGUMENT" });
});

test("DumpState gives what is in place, not what waits", async () => {
  await using w = await world();
  const route = packItem(
    linuxRouteModel,
    parseValue(linuxRouteModel, { outgoing_interface: "z", dst_network: "10.0.0.0/8" }),
  );
  await w.set({ updates: [{ item: dummy("a") }, { item: route }] });
  const { items } = (
    await w.channel.unary(ManagerService.method.dumpState, create(ManagerService.method.dumpState.input, { ids: [] }))
  ).message;
  assert.deepEqual(
    items.map(({ item, metadata }) => [item?.id?.name, metadata.hostName]),
    [["a", "a"]],
  );
});

test("Subscribe tells of every value that changes", async () => {
  await using w = await world();
  const stop = new AbortController();
  const seen: string[] = [];
  const reading = (async () => {
    for await (const { notifications } of w.channel.serverStream(
      ManagerService.method.subscribe,
      create(ManagerService.method.subscribe.input, { subscriptions: [{ id: interfaceId("b") }] }),
      { signal: stop.signal },
    ))
      for (const { item, status } of notifications) seen.push(`${item?.id?.name} ${status?.status}`);
  })().catch(() => {});
  for (let i = 0; i < 100 && seen.length === 0; i++) {
    await w.set({ updates: [{ item: dummy("a") }, { item: dummy("b", { mtu: 1000 + i }) }] });
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  stop.abort();
  await reading;
  assert.deepEqual([...new Set(seen)], ["b CONFIGURED"]);
});

test("models can be listed, and their files fetched with all that they import", async () => {
  await using w = await world();
  const { knownModels, activeModules } = (
    await w.channel.unary(
      MetaService.method.knownModels,
      create(MetaService.method.knownModels.input, { class: "config" }),
    )
  ).message;
  assert.ok(activeModules.includes("cnf.nsm"));
  const detail = knownModels.find(({ protoName }) => protoName === "ligato.linux.interfaces.Interface");
  const file = detail?.options.find(({ key }) => key === "protoFile")?.values[0] ?? "";
  const answer = (
    await w.channel.unary(
      MetaService.method.protoFileDescriptor,
      create(MetaService.method.protoFileDescriptor.input, { fullProtoFileName: file }),
    )
  ).message;
  assert.equal(answer.fileDescriptor?.name, file);
  assert.ok(answer.fileImportDescriptors?.file.some(({ name }) => name === "ligato/linux/namespace/namespace.proto"));
  await assert.rejects(
    w.channel.unary(
      MetaService.method.protoFileDescriptor,
      create(MetaService.method.protoFileDescriptor.input, { fullProtoFileName: "x.proto" }),
    ),
    { code: "NOT_FOUND" },
  );
});

for (const service of [ServerReflection, ServerReflectionV1alpha]) {
  test(`reflection (${service.typeName}) lists services and gives the files of symbols`, async () => {
    await using w = await world();
    const ask = async (messageRequest: object) => {
      async function* requests() {
        yield create(service.method.serverReflectionInfo.input, { messageRequest } as never);
      }
      for await (const response of w.channel.bidiStream(
        service.method.serverReflectionInfo as never,
        requests() as never,
      ))
        return (response as unknown as { messageResponse: { case: string; value: never } }).messageResponse;
      return assert.fail("no answer");
    };
    const listed = await ask({ case: "listServices", value: "" });
    assert.ok(
      (listed.value as { service: { name: string }[] }).service.some(
        ({ name }) => name === "ligato.generic.ManagerService",
      ),
    );
    const found = await ask({ case: "fileContainingSymbol", value: "ligato.linux.interfaces.Interface" });
    const [first] = (found.value as { fileDescriptorProto: Uint8Array[] }).fileDescriptorProto;
    assert.equal(
      fromBinary(FileDescriptorProtoSchema, first ?? new Uint8Array()).name,
      "ligato/linux/interfaces/interface.proto",
    );
    assert.equal((await ask({ case: "fileContainingSymbol", value: "no.such.Thing" })).case, "errorResponse");
  });
}
