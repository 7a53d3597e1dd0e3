import { test } from "node:test";
import { MemoryApiServer } from "./apiserver.ts";
import { assertExpires, clientCases, configMap, configMaps } from "./client-cases.ts";

for (const { title, run } of clientCases) test(`in memory: ${title}`, () => run(new MemoryApiServer()));

test("a watch from before a compaction says that a new list is needed", async () => {
  const server = new MemoryApiServer();
  await server.create(configMaps, configMap("a", {}));
  server.compact();
  await server.create(configMaps, configMap("b", {}));
  await assertExpires(server.watch(configMaps, { resourceVersion: "1", signal: new AbortController().signal }));
});
