import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { RecordingLogger } from "@nsmkit/core/testing";
import { ReadyFile } from "./ready-file.ts";

test("the file is there after ready, gone after not ready, and the last word counts", async () => {
  const folder = await mkdtemp(join(tmpdir(), "nsc-ready-"));
  const path = join(folder, "ready");
  try {
    const file = new ReadyFile(path, new RecordingLogger());
    await file.set(true);
    assert.ok(existsSync(path));
    const changes = [file.set(false), file.set(true), file.set(false)];
    await Promise.all(changes);
    assert.ok(!existsSync(path));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("a path that cannot be written is logged with the remedy and stops nothing", async () => {
  const logger = new RecordingLogger();
  await new ReadyFile("/proc/nowhere/ready", logger).set(true);
  assert.match(logger.lines[0]?.message ?? "", /NSM_READY_FILE/);
});
