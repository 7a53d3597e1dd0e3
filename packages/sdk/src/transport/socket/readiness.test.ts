import assert from "node:assert/strict";
import { Socket } from "node:net";
import { test } from "node:test";
import { readinessOf } from "./readiness.ts";

// unix.test.ts shows that this Node's sockets work as pollers. Should a later Node change their inside, the first test
// here fails and says what is missing, and programs say so too instead of losing descriptors.
test("what we use of Node's stream handles is there", async () => {
  const { createServer, connect } = await import("node:net");
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  const socket = connect(port, "127.0.0.1");
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  const handle = Reflect.get(socket, "_handle") as Record<string, unknown>;
  const kinds = ["fd", "reading", "useUserBuffer", "readStart", "readStop"].map(
    (name) => `${name}: ${typeof handle[name]}`,
  );
  assert.deepEqual(kinds, [
    "fd: number",
    "reading: boolean",
    "useUserBuffer: function",
    "readStart: function",
    "readStop: function",
  ]);
  assert.ok("onread" in handle);
  socket.destroy();
  server.close();
});

test("a socket without such a handle is refused with a remedy", () => {
  assert.throws(() => readinessOf(new Socket(), () => {}), {
    code: "UNSUPPORTED",
    message: /version that package\.json pins/,
  });
});
