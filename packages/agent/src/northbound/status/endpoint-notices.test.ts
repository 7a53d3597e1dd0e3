import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { textOf } from "../../etcd/bytes.ts";
import { openSession } from "../../etcd/session.ts";
import { EndpointNotices, noticeKey } from "./endpoint-notices.ts";
import { base } from "./fixtures.ts";

describe("announcements of endpoints", () => {
  const http = noticeKey("web", "app", "http");

  test("a label is a key of its own with the original's name", async () => {
    await using w = base();
    await using notices = new EndpointNotices(w.deps);
    notices.start();
    notices.publish("web", { app: "http", "": "" });
    await w.clock.advance(10);
    assert.equal(http, "/vnf-agent/global/notification/nsm/endpoint/service/web/label/app/http");
    assert.deepEqual(Object.keys(await w.read("/vnf-agent/global/notification/nsm/endpoint/service/web/label/")), [
      "<invalid>/<invalid>",
      "app/http",
    ]);
    const kv = await w.etcd.get(http);
    assert.equal(textOf(kv?.value ?? Buffer.of()), "{}");
    assert.equal(kv?.lease, w.session.lease);
    notices.withdraw("web", { app: "http" });
    await w.clock.advance(10);
    assert.equal(await w.etcd.get(http), undefined);
  });

  test("they come back after the lease was lost", async () => {
    await using w = base();
    await using notices = new EndpointNotices(w.deps);
    notices.start();
    notices.publish("web", { app: "http" });
    await w.clock.advance(10);
    w.etcd.endLease(w.session.lease as bigint);
    assert.equal(await w.etcd.get(http), undefined);
    await w.clock.advance(5000);
    assert.ok(await w.etcd.get(http));
  });

  test("two agents that serve the same do not take each other's away", async () => {
    await using w = base();
    await using other = openSession(w.etcd, { clock: w.clock });
    await using first = new EndpointNotices(w.deps);
    await using second = new EndpointNotices({ ...w.deps, session: other });
    first.start();
    second.start();
    first.publish("web", { app: "http" });
    await w.clock.advance(10);
    second.publish("web", { app: "http" });
    await w.clock.advance(10);
    second.withdraw("web", { app: "http" });
    await w.clock.advance(10);
    assert.ok(await w.etcd.get(http));
    second.publish("web", { app: "http" });
    first.withdraw("web", { app: "http" });
    await w.clock.advance(15_000);
    assert.equal((await w.etcd.get(http))?.lease, other.lease);
  });
});
