import assert from "node:assert/strict";
import { test } from "node:test";
import { legacy, meshOf, objectsOf, own, upstream } from "../testing/documents.ts";
import { grantedRules } from "./granted.ts";
import type { Rule } from "./rbac.ts";

test("the list of granted rights holds those of any mesh", () => {
  const granted = new Set(grantedRules().map((rule) => JSON.stringify(rule)));
  const documents = [
    legacy({ spire: "true" }),
    own({ spire: "managed" }),
    upstream({ spire: "managed", platform: { kind: "openshift" } }, "v1.9.0"),
    upstream({ forwarders: [{ type: "ovs" }, { type: "vpp", name: "b" }] }),
  ];
  for (const document of documents) {
    for (const { kind, rules } of objectsOf(meshOf(document))) {
      if (kind !== "Role" && kind !== "ClusterRole") continue;
      for (const rule of rules as Rule[]) assert.ok(granted.has(JSON.stringify(rule)), JSON.stringify(rule));
    }
  }
});

test("nobody who applies meshes needs to read Secrets, or everything of a group, to pass rights on", () => {
  for (const { apiGroups, resources, verbs } of grantedRules()) {
    assert.ok(!resources.includes("secrets"));
    assert.ok(![...apiGroups, ...resources, ...verbs].includes("*"));
  }
});
