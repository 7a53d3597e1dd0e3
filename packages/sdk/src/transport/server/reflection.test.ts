import assert from "node:assert/strict";
import { test } from "node:test";
import { create, createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { NetworkService } from "@nsmkit/api/networkservice";
import { ServerReflection, type ServerReflectionRequestSchema, ServerReflectionV1alpha } from "@nsmkit/api/reflection";
import { insecureIdentity } from "../../identity/index.ts";
import { dial } from "../client/channel.ts";
import { listen } from "./listen.ts";
import { reflectionServices } from "./reflection.ts";

const identity = insecureIdentity({ name: "test" });
type Ask = Parameters<typeof create<typeof ServerReflectionRequestSchema>>[1];

async function ask(service: typeof ServerReflection | typeof ServerReflectionV1alpha, questions: Ask[]) {
  await using server = await listen(["tcp://127.0.0.1:0"], {
    identity,
    services: reflectionServices([NetworkService]),
  });
  await using channel = dial(server.urls[0] ?? "", { identity });
  // The two versions differ in names alone.
  const method = service.method.serverReflectionInfo as typeof ServerReflection.method.serverReflectionInfo;
  const requests = (async function* () {
    for (const question of questions) yield create(method.input, question);
  })();
  const answers = [];
  for await (const answer of channel.bidiStream(method, requests)) answers.push(answer.messageResponse);
  return answers;
}

for (const service of [ServerReflection, ServerReflectionV1alpha]) {
  test(`${service.typeName} lists what is served and gives files from which a client can build every message`, async () => {
    const [list, symbol, file] = await ask(service, [
      { messageRequest: { case: "listServices", value: "" } },
      { messageRequest: { case: "fileContainingSymbol", value: "networkservice.NetworkService.Request" } },
      { messageRequest: { case: "fileByFilename", value: "connection.proto" } },
    ]);
    assert.ok(list?.case === "listServicesResponse");
    assert.deepEqual(
      list.value.service.map(({ name }) => name),
      [
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "networkservice.NetworkService",
      ],
    );
    assert.ok(symbol?.case === "fileDescriptorResponse" && file?.case === "fileDescriptorResponse");
    const files = symbol.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
    assert.equal(files[0]?.name, "networkservice.proto");
    const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: files.toReversed() }));
    assert.ok(registry.getMessage("connection.Connection"));
    assert.ok(registry.getService("networkservice.NetworkService"));
  });
}

test("what is not known is an answer, not the end of the stream", async () => {
  const answers = await ask(ServerReflection, [
    { messageRequest: { case: "fileContainingSymbol", value: "no.Such" } },
    { messageRequest: { case: "allExtensionNumbersOfType", value: "x" } },
    {},
    { messageRequest: { case: "fileContainingSymbol", value: "connection.State" } },
  ]);
  assert.deepEqual(
    answers.map((one) => (one.case === "errorResponse" ? one.value.errorCode : one.case)),
    [5, 12, 3, "fileDescriptorResponse"],
  );
});
