import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { LogFile } from "./log-file.ts";

const directory = mkdtempSync(join(tmpdir(), "nsmctl-log-"));
after(() => rmSync(directory, { recursive: true }));

test("a log that has grown to its limit is kept once and begins anew", () => {
  const log = new LogFile(join(directory, "deep/a.log"), { limitBytes: 10 });
  log.write("0123456789");
  log.write("next");
  log.close();
  assert.equal(readFileSync(log.path, "utf8"), "next");
  assert.equal(readFileSync(`${log.path}.1`, "utf8"), "0123456789");
});

test("a log that exists is continued", () => {
  for (const text of ["one\n", "two\n"]) {
    const log = new LogFile(join(directory, "b.log"));
    log.write(text);
    log.close();
  }
  assert.equal(readFileSync(join(directory, "b.log"), "utf8"), "one\ntwo\n");
});

test("a log that nothing is written to makes no file", () => {
  new LogFile(join(directory, "c.log")).close();
  assert.equal(existsSync(join(directory, "c.log")), false);
});
