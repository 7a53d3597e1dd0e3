import assert from "node:assert/strict";
import { test } from "node:test";
import { clone, create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Connection, ConnectionSchema } from "@nsmkit/api/networkservice";
import { isCodedError } from "@nsmkit/core";
import fc from "fast-check";
import { chain } from "../../../chain/chain.ts";
import { connectionWith, RecordingEnd, requestOf, testContext } from "../../../testing/elements.ts";
import type { NetworkServiceKind } from "../../core/kind.ts";
import { enter, updatePath } from "./element.ts";

const segments = (...pairs: readonly (readonly [string, string])[]) => pairs.map(([name, id]) => ({ name, id }));
const shape = (connection: Connection | undefined) => ({
  id: connection?.id,
  index: connection?.path?.index,
  names: connection?.path?.pathSegments.map(({ name }) => name),
});
const run = async (name: string, connection: Parameters<typeof connectionWith>[0], end = new RecordingEnd()) => {
  const reply = await chain<NetworkServiceKind>([updatePath(name)], end).request(testContext(), requestOf(connection));
  return { reply, below: end.requests[0]?.connection };
};

test("the first hop of an empty path adds itself and keeps an id that is set", async () => {
  const { below } = await run("nsc", { id: "nsc-0" });
  assert.deepEqual(shape(below), { id: "nsc-0", index: 0, names: ["nsc"] });
});

test("the first hop of an empty path makes an id when there is none", async () => {
  const { below } = await run("nsc", {});
  assert.match(below?.id ?? "", /^[0-9a-f-]{36}$/);
  assert.equal(below?.path?.pathSegments[0]?.id, below?.id);
});

test("the next hop adds itself with an id of its own", async () => {
  const { below } = await run("nsmgr", { id: "c", path: { index: 0, pathSegments: segments(["nsc", "c"]) } });
  assert.deepEqual(shape(below).names, ["nsc", "nsmgr"]);
  assert.notEqual(below?.id, "c");
  assert.equal(below?.path?.pathSegments[1]?.id, below?.id);
});

test("a hop that is on the path already keeps its id", async () => {
  const path = { index: 0, pathSegments: segments(["nsc", "c"], ["nsmgr", "m"]) };
  const { below } = await run("nsmgr", { id: "c", path });
  assert.deepEqual(shape(below), { id: "m", index: 1, names: ["nsc", "nsmgr"] });
});

test("a hop in another's place takes the segment over and leaves the later ones", async () => {
  const path = { index: 0, pathSegments: segments(["nsc", "c"], ["old", "o"], ["fwd", "f"]) };
  const { below } = await run("nsmgr", { id: "c", path });
  assert.deepEqual(shape(below).names, ["nsc", "nsmgr", "fwd"]);
  assert.notEqual(below?.id, "o");
  assert.equal(below?.path?.pathSegments[2]?.id, "f");
});

test("a program that is server and client owns one segment", async () => {
  const end = new RecordingEnd();
  const client = chain<NetworkServiceKind>([updatePath("nsmgr")], end);
  const server = chain<NetworkServiceKind>([updatePath("nsmgr")], client);
  const path = { index: 0, pathSegments: segments(["nsc", "c"]) };
  await server.request(testContext(), requestOf({ id: "c", path }));
  assert.deepEqual(shape(end.requests[0]?.connection).names, ["nsc", "nsmgr"]);
});

test("a call that a program sent to itself is refused where it comes in", async () => {
  const all = chain<NetworkServiceKind>([updatePath("fwd", { entrance: true })], new RecordingEnd());
  const path = { index: 0, pathSegments: segments(["fwd", "f"]) };
  await assert.rejects(all.request(testContext(), requestOf({ id: "f", path })), {
    code: "INVALID_ARGUMENT",
    message: /from "fwd" itself/,
  });
});

test("the reply has the caller's id and index again, and the whole path", async () => {
  const path = { index: 0, pathSegments: segments(["nsc", "c"]) };
  const { reply } = await run("nsmgr", { id: "c", path });
  assert.deepEqual(shape(reply), { id: "c", index: 0, names: ["nsc", "nsmgr"] });
});

test("an id that is not the current segment's is refused", async () => {
  const path = { index: 0, pathSegments: segments(["nsc", "c"]) };
  await assert.rejects(run("nsmgr", { id: "x", path }), { code: "INVALID_ARGUMENT", message: /"x".*"c"/ });
});

test("an index behind the segments is refused", async () => {
  const path = { index: 1, pathSegments: segments(["nsc", "c"]) };
  await assert.rejects(run("nsmgr", { id: "c", path }), { code: "INVALID_ARGUMENT", message: /behind its 1 segments/ });
});

test("a path that is longer than any mesh is refused", async () => {
  const path = {
    index: 0,
    pathSegments: segments(...Array.from({ length: 65 }, (_, at) => [`n${at}`, `${at}`] as const)),
  };
  await assert.rejects(run("nsmgr", { id: "0", path }), { code: "INVALID_ARGUMENT", message: /65 path segments/ });
});

test("a reply that lost its path is an error of the next hop", async () => {
  const end = new RecordingEnd((connection) => create(ConnectionSchema, { id: connection.id }));
  await assert.rejects(run("nsc", { id: "c" }, end), { code: "PROTOCOL" });
});

test("close goes down under our id and leaves the caller's copy alone", async () => {
  const end = new RecordingEnd();
  const path = { index: 0, pathSegments: segments(["nsc", "c"], ["nsmgr", "m"]) };
  const connection = connectionWith({ id: "c", path });
  await chain<NetworkServiceKind>([updatePath("nsmgr")], end).close(testContext(), connection);
  assert.deepEqual([end.closes[0]?.id, connection.id, connection.path?.index], ["m", "c", 0]);
});

const word = fc.oneof(fc.constantFrom("", "a", "nsmgr", "__proto__"), fc.string());
const anyConnection = fc
  .record({
    id: word,
    path: fc.option(
      fc.record({
        index: fc.oneof(fc.nat(5), fc.nat(0xffff_ffff)),
        pathSegments: fc.array(fc.record({ name: word, id: word, token: word }), { maxLength: 6 }),
      }),
      { nil: undefined },
    ),
  })
  .map((init) => connectionWith(init as Parameters<typeof connectionWith>[0]));

test("whatever path comes, the answer is a coded error or a path that points at us", () => {
  fc.assert(
    fc.property(anyConnection, (connection) => {
      const before = clone(ConnectionSchema, connection);
      try {
        const { index, id } = enter(connection, "nsmgr");
        const { path } = connection;
        const own = path?.pathSegments[path.index];
        assert.deepEqual([own?.name, own?.id], ["nsmgr", connection.id]);
        assert.equal(path?.pathSegments[index]?.id, id);
        const kept = before.path?.pathSegments.slice(0, path?.index);
        assert.deepEqual(path?.pathSegments.slice(0, path.index), kept ?? []);
      } catch (error) {
        if (!isCodedError(error, "INVALID_ARGUMENT")) throw error;
      }
    }),
  );
});

test("bytes that decode to a connection never break the path code", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), anyConnection, (noise, base) => {
      let connection: Connection;
      try {
        connection = fromBinary(ConnectionSchema, Buffer.concat([toBinary(ConnectionSchema, base), noise]));
      } catch {
        return;
      }
      try {
        enter(connection, "nsmgr");
      } catch (error) {
        if (!isCodedError(error)) throw error;
      }
    }),
  );
});
