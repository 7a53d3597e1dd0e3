import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { NetworkServiceRegistry } from "@nsmkit/api/registry";
import { CodedError, silentLogger } from "@nsmkit/core";
import { bindService, type ServerCall } from "../transport/index.ts";
import { type Metrics, openMetrics } from "./metrics.ts";
import { metricsSettings } from "./settings.ts";

const open = () => openMetrics({ prometheus: true, prometheusListenOn: "127.0.0.1:0" }, { logger: silentLogger });
const scrape = async ({ url }: Metrics): Promise<string> => (await fetch(url ?? "")).text();

const binding = bindService(NetworkServiceRegistry, {
  register: async (entry) => entry,
  unregister: async () => {
    throw new CodedError("NOT_FOUND", "no such service");
  },
  async *find() {
    yield {};
  },
});
type Handler = (request: unknown, call: Partial<ServerCall>) => unknown;

describe("metrics", () => {
  test("calls are counted by result and timed, streams that are open are shown", async () => {
    await using metrics = await open();
    const { handlers } = metrics.measured([binding])[0] ?? {};
    const call = (name: string) => (handlers?.[name] as Handler)({}, {});
    await call("register");
    await call("register");
    await assert.rejects(async () => call("unregister"), { code: "NOT_FOUND" });
    const stream = (call("find") as AsyncIterable<unknown>)[Symbol.asyncIterator]();
    await stream.next();
    const text = await scrape(metrics);
    const method = "registry.NetworkServiceRegistry";
    assert.match(text, new RegExp(`nsm_rpc_total{method="${method}/Register",code="OK"} 2`));
    assert.match(text, new RegExp(`nsm_rpc_total{method="${method}/Unregister",code="NOT_FOUND"} 1`));
    assert.match(text, new RegExp(`nsm_rpc_duration_seconds_count{method="${method}/Register"} 2`));
    assert.match(text, new RegExp(`nsm_rpc_streams{method="${method}/Find"} 1`));
    await stream.return?.();
    assert.match(await scrape(metrics), new RegExp(`nsm_rpc_streams{method="${method}/Find"} 0`));
  });

  test("a gauge is read when somebody asks", async () => {
    await using metrics = await open();
    let value = 1;
    metrics.gauge("nsm_things", "Things.", () => value);
    assert.match(await scrape(metrics), /nsm_things 1/);
    value = 7;
    assert.match(await scrape(metrics), /nsm_things 7/);
  });

  test("a figure that cannot be read fails the scrape alone", async () => {
    await using metrics = await open();
    let fails = true;
    metrics.gauge("nsm_things", "Things.", () => {
      if (fails) throw new Error("no idea");
      return 1;
    });
    const { status } = await fetch(metrics.url ?? "");
    assert.equal(status, 500);
    fails = false;
    assert.match(await scrape(metrics), /nsm_things 1/);
  });

  test("an address that is taken is named with the remedy", async () => {
    await using metrics = await open();
    const address = new URL(metrics.url ?? "").host;
    await assert.rejects(openMetrics({ prometheus: true, prometheusListenOn: address }, { logger: silentLogger }), {
      code: "ALREADY_EXISTS",
      message: new RegExp(`${address}.*NSM_PROMETHEUS_LISTEN_ON`),
    });
  });

  test("nobody who did not ask pays: the services are the same objects", async () => {
    const metrics = await openMetrics({ prometheus: false, prometheusListenOn: ":0" }, { logger: silentLogger });
    const bindings = [binding];
    assert.equal(metrics.measured(bindings), bindings);
    assert.equal(metrics.url, undefined);
  });

  for (const bad of ["8081", "host:1", ":99999", "[::1:1", ""])
    test(`"${bad}" is no address`, () => {
      const { check } = metricsSettings.prometheusListenOn;
      assert.throws(() => check(bad), { name: "ValueError" });
    });
});
