import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { PassThrough } from "node:stream";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import { CodedError } from "@nsmkit/core";
import { openTunnel } from "./tunnel.ts";

const { signal } = new AbortController();

test("each connection to the tunnel is one of the dialer's, and its socket goes with it", async () => {
  let dialled = 0;
  const tunnel = await openTunnel(
    async () => {
      dialled++;
      return new PassThrough();
    },
    { signal },
  );
  for (const text of ["one", "two"]) {
    const socket = connect(tunnel.path);
    socket.end(text);
    assert.equal((await buffer(socket)).toString(), text);
  }
  assert.equal(dialled, 2);
  await tunnel.close();
  assert.equal(existsSync(tunnel.path), false);
});

test("a connection that the dialer refuses is closed", async () => {
  await using tunnel = await openTunnel(
    async () => {
      throw new CodedError("UNAVAILABLE", "nobody there");
    },
    { signal },
  );
  const socket = connect(tunnel.path);
  socket.on("error", () => {});
  assert.equal((await buffer(socket).catch(() => Buffer.alloc(0))).length, 0);
});

test("closing the tunnel ends what it carries", async () => {
  const far = new PassThrough();
  const tunnel = await openTunnel(async () => far, { signal });
  const socket = connect(tunnel.path);
  socket.on("error", () => {});
  const closed = new Promise((resolve) => socket.on("close", resolve));
  const echoed = new Promise((resolve) => socket.once("data", resolve));
  socket.write("x");
  await echoed;
  await tunnel.close();
  await closed;
});
