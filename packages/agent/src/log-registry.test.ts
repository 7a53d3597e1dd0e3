import assert from "node:assert/strict";
import { test } from "node:test";
import { RecordingLogger } from "@nsmkit/core/testing";
import { LogRegistry } from "./log-registry.ts";

function world() {
  const root = new RecordingLogger();
  const opened: string[] = [];
  const registry = new LogRegistry({ root, level: "INFO", open: (level) => opened.push(level) });
  const written = () => root.lines.splice(0).map(({ message }) => message);
  return { registry, opened, written, linux: registry.logger.child({ component: "linux" }) };
}

test("loggers are known by the component that they are made for, at the level of the root", () => {
  const { registry } = world();
  assert.deepEqual(registry.list(), [
    { logger: "default", level: "info" },
    { logger: "linux", level: "info" },
  ]);
});

test("a level that is set holds for one component, with its children, and opens the root", () => {
  const { registry, linux, opened, written } = world();
  const below = linux.child({ link: "eth0" });
  assert.deepEqual(registry.set("linux", "debug"), { logger: "linux", level: "debug" });
  linux.debug("a");
  below.debug("b");
  registry.logger.debug("c");
  registry.logger.info("d");
  assert.deepEqual([written(), opened], [["a", "b", "d"], ["DEBUG"]]);
  registry.set("default", "error");
  registry.logger.warn("e");
  linux.info("f");
  registry.logger.error("g");
  assert.deepEqual(written(), ["f", "g"]);
});

test("before anybody sets a level, the root alone decides", () => {
  const { linux, written } = world();
  linux.debug("a");
  assert.deepEqual(written(), ["a"]);
});

test("an unknown logger and an unknown level are refused", () => {
  const { registry } = world();
  assert.throws(() => registry.set("vpp", "debug"), { code: "NOT_FOUND" });
  assert.throws(() => registry.set("linux", "loud"), {
    code: "INVALID_ARGUMENT",
    message: 'level is "loud", must be debug, info, warning, error',
  });
});

test("levels of a file hold for loggers that come later too", () => {
  const { registry, written } = world();
  registry.preset({ level: "warn", loggers: [{ name: "nsm", level: "debug" }] });
  const nsm = registry.logger.child({ component: "nsm" });
  nsm.debug("a");
  registry.logger.child({ component: "http" }).info("b");
  assert.deepEqual(written(), ["a"]);
});
