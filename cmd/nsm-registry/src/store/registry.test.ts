import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { CodedError } from "@nsmkit/core";
import { RecordingLogger } from "@nsmkit/core/testing";
import { nseRules } from "@nsmkit/sdk/registry";
import { endpoint, namespace, Replicas, service } from "../testing/replicas.ts";
import { storedEndpoints, storedServices } from "./objects.ts";

const at = (name: string) => ({ namespace, name });
const nse = (name: string, init: object = {}) =>
  endpoint({ name, url: "tcp://10.0.0.1:5001", networkServiceNames: ["icmp"], ...init });

describe("a registration", () => {
  test("is found at another replica, by name and by service", async () => {
    await using all = new Replicas();
    const [a, b] = [await all.start(), await all.start()];
    await a.endpoints.request(all.context(), nse("one"));
    await a.endpoints.request(all.context(), nse("two", { networkServiceNames: ["other"] }));
    await all.settled();
    assert.deepEqual(await all.names(b), ["one", "two"]);
    const [found] = await all.endpoints(b, { networkServiceNames: ["other"] });
    assert.equal(found?.name, "two");
  });

  test("is found at once where it was made, before any watch has told of it", async () => {
    await using all = new Replicas();
    const a = await all.start();
    await a.endpoints.request(all.context(), nse("one"));
    assert.deepEqual(await all.names(a), ["one"]);
  });

  test("costs one request, create when it is new and patch when it is not; a find costs none", async () => {
    await using all = new Replicas();
    const a = await all.start();
    const requests = all.server.requests;
    await a.endpoints.request(all.context(), nse("one"));
    await all.clock.advance(40_000);
    await a.endpoints.request(all.context(), nse("one"));
    assert.deepEqual(await all.names(a), ["one"]);
    assert.deepEqual([requests.create, requests.patch, requests.get, requests.list], [1, 1, 0, 2]);
  });

  test("leaves the labels and annotations that others put on the object", async () => {
    await using all = new Replicas();
    const a = await all.start();
    await a.services.request(all.context(), service({ name: "icmp" }));
    await all.server.mergePatch(storedServices.resource, at("icmp"), { metadata: { labels: { team: "blue" } } });
    await all.settled();
    await a.services.request(all.context(), service({ name: "icmp", payload: "ETHERNET" }));
    const object = await all.server.get(storedServices.resource, at("icmp"));
    assert.deepEqual(
      [object.metadata.labels, object.spec],
      [{ team: "blue" }, { name: "icmp", payload: "ETHERNET", path_ids: ["", "spiffe://insecure.nsmkit/registry"] }],
    );
  });

  test("under a name that an object of another entry has gets an object of its own", async () => {
    await using all = new Replicas();
    const foreign = {
      apiVersion: "networkservicemesh.io/v1",
      kind: "NetworkService",
      metadata: at("icmp"),
      spec: { name: "other" },
    };
    await all.server.create(storedServices.resource, foreign);
    const a = await all.start();
    await a.services.request(all.context(), service({ name: "icmp" }));
    assert.deepEqual((await all.services(a)).map(({ name }) => name).sort(), ["icmp", "other"]);
    await a.services.close(all.context(), service({ name: "icmp" }));
    assert.deepEqual(
      (await all.services(a)).map(({ name }) => name),
      ["other"],
    );
  });

  test("with a name that Kubernetes does not take is kept all the same", async () => {
    await using all = new Replicas();
    const [a, b] = [await all.start(), await all.start()];
    await a.endpoints.request(all.context(), nse("NSE_One"));
    await all.settled();
    assert.deepEqual(await all.names(b), ["NSE_One"]);
    await b.endpoints.close(all.context(), nse("NSE_One"));
    await all.settled();
    assert.deepEqual(await all.names(a), []);
  });

  test("by two replicas at once ends as one of the two, told the same by both", async () => {
    await using all = new Replicas();
    const [a, b] = [await all.start(), await all.start()];
    const made = await Promise.all(
      [a, b].map((replica, index) =>
        replica.endpoints.request(all.context(), nse("one", { url: `tcp://10.0.0.${index}:1` })),
      ),
    );
    assert.equal(made.length, 2);
    await all.settled();
    const [atA, atB] = [await all.endpoints(a), await all.endpoints(b)];
    assert.deepEqual(atA, atB);
    assert.equal(atA.length, 1);
  });

  test("fails in a way that a client tries again while the API server is away, and what is known is still found", async () => {
    await using all = new Replicas();
    const a = await all.start();
    await a.endpoints.request(all.context(), nse("one"));
    all.server.intercept = () => {
      throw new CodedError("UNAVAILABLE", "the API server does not answer");
    };
    all.server.cutWatches();
    await all.settled();
    await assert.rejects(a.endpoints.request(all.context(), nse("two")), { code: "UNAVAILABLE", retryable: true });
    assert.deepEqual(await all.names(a), ["one"]);
  });

  test("that the registry may not write is not held against the caller", async () => {
    await using all = new Replicas();
    const a = await all.start();
    all.server.intercept = (verb) => {
      if (verb === "create") throw new CodedError("PERMISSION_DENIED", "forbidden", { details: { status: 403 } });
    };
    await assert.rejects(a.endpoints.request(all.context(), nse("one")), {
      code: "UNAVAILABLE",
      message: /service account .* networkserviceendpoints\.networkservicemesh\.io in namespace nsm-system/,
    });
  });

  test("ends by being unregistered at a replica that has not heard of it yet", async () => {
    await using all = new Replicas();
    const [a, b] = [await all.start(), await all.start()];
    await a.endpoints.request(all.context(), nse("one"));
    await b.endpoints.close(all.context(), nse("one"));
    await all.settled();
    assert.deepEqual([await all.names(a), await all.names(b)], [[], []]);
    await b.endpoints.close(all.context(), nse("one"));
  });
});

describe("a renewal", () => {
  const renew = async (all: Replicas, init: object = {}) => {
    const [a, b] = [await all.start(), await all.start()];
    const first = await a.endpoints.request(all.context(), nse("one"));
    await all.settled();
    const { initialRegistrationTime } = first;
    return { a, b, first, again: nse("one", { initialRegistrationTime, pathIds: first.pathIds, ...init }) };
  };

  test("is not written while half of its time is left, and the answer says what the object says", async () => {
    await using all = new Replicas();
    const { b, first, again } = await renew(all);
    await all.clock.advance(30_000);
    const writes = all.server.writes;
    const reply = await b.endpoints.request(all.context(), again);
    assert.deepEqual(reply.expirationTime, first.expirationTime);
    assert.deepEqual([all.server.writes, b.sparedWrites], [writes, 1]);
    await all.clock.advance(1);
    const later = await b.endpoints.request(all.context(), nse("one", again));
    assert.equal(all.server.writes, writes + 1);
    assert.equal(later.expirationTime && timestampMs(later.expirationTime), all.clock.now() + 60_000);
  });

  test("is written when it brings anything else", async () => {
    await using all = new Replicas();
    const { b, again } = await renew(all, { url: "tcp://10.0.0.2:5001" });
    await b.endpoints.request(all.context(), again);
    assert.equal((await all.endpoints(b))[0]?.url, "tcp://10.0.0.2:5001");
    assert.equal(b.sparedWrites, 0);
  });

  test("is written when it is none: a registration that does not know of the one that is there", async () => {
    await using all = new Replicas();
    const a = await all.start();
    await a.endpoints.request(all.context(), nse("one"));
    const { client, catchUp } = all.lateClient();
    const b = await all.start({ client });
    await a.endpoints.close(all.context(), nse("one"));
    assert.deepEqual(await all.names(b), ["one"], "b knows of the past only");
    await b.endpoints.request(all.context(), nse("one"));
    catchUp();
    await all.settled();
    assert.deepEqual([await all.names(a), await all.names(b)], [["one"], ["one"]]);
  });

  test("keeps the time of the first registration", async () => {
    await using all = new Replicas();
    const { a, b, first } = await renew(all);
    await all.clock.advance(40_000);
    for (const replica of [b, a]) {
      const reply = await replica.endpoints.request(all.context(), nse("one"));
      assert.deepEqual(reply.initialRegistrationTime, first.initialRegistrationTime);
      await all.settled();
    }
  });
});

describe("a lease", () => {
  test("that another replica renewed is not ended by the one that gave it first (deployments-k8s#6779)", async () => {
    await using all = new Replicas();
    const [a, b] = [await all.start(), await all.start()];
    await a.endpoints.request(all.context(), nse("one"));
    await all.clock.advance(40_000);
    await b.endpoints.request(all.context(), nse("one"));
    await all.clock.advance(59_000);
    assert.deepEqual([await all.names(a), await all.names(b)], [["one"], ["one"]]);
    assert.equal(all.server.requests.delete, 0);
    await all.clock.advance(1_000);
    assert.deepEqual([await all.names(a), await all.names(b)], [[], []]);
    assert.equal(all.server.requests.delete, 1);
  });

  test("is not ended by a replica whose watch has not told yet that it was renewed, and nobody is told of an end", async () => {
    await using all = new Replicas();
    const { client, catchUp } = all.lateClient();
    const a = await all.start({ client });
    await a.endpoints.request(all.context(), nse("one"));
    const stop = new AbortController();
    const told: boolean[] = [];
    const watching = (async () => {
      const query = nseRules.query(endpoint({ name: "one" }), true);
      for await (const { deleted } of a.endpoints.find(all.context(stop.signal), query)) told.push(deleted);
    })();
    const end = { seconds: all.clock.now() / 1000 + 120 };
    await all.server.mergePatch(storedEndpoints.resource, at("one"), { spec: { expiration_time: end } });
    await all.clock.advance(61_000);
    assert.deepEqual([await all.names(a), all.server.requests.delete], [["one"], 1]);
    catchUp();
    await all.settled();
    stop.abort();
    await watching;
    assert.deepEqual(told, [false, false]);
  });

  test("is over for who asks while a finalizer, or a refusal, keeps its object", async () => {
    await using all = new Replicas();
    const a = await all.start();
    await a.endpoints.request(all.context(), nse("kept"));
    await a.endpoints.request(all.context(), nse("refused"));
    const { resource } = storedEndpoints;
    await all.server.mergePatch(resource, at("kept"), { metadata: { finalizers: ["example.org/hold"] } });
    all.server.intercept = (verb, _resource, { name }) => {
      if (verb === "delete" && name === "refused")
        throw new CodedError("PERMISSION_DENIED", "forbidden", { details: { status: 403 } });
    };
    await all.clock.advance(70_000);
    assert.deepEqual(await all.names(a), []);
    assert.ok((await all.server.find(resource, at("kept"))) && (await all.server.find(resource, at("refused"))));
    // Either comes back when it is registered again.
    await a.endpoints.request(all.context(), nse("refused"));
    assert.deepEqual(await all.names(a), ["refused"]);
  });

  test("of a replica that died is ended by the others, a little later", async () => {
    await using all = new Replicas();
    const [a, b] = [await all.start(), await all.start({ random: () => 1 })];
    await a.endpoints.request(all.context(), nse("one"));
    await all.crash(a);
    await all.clock.advance(64_999);
    assert.equal(all.server.requests.delete, 0);
    await all.clock.advance(1);
    assert.deepEqual(await all.names(b), []);
    assert.equal(await all.server.find(storedEndpoints.resource, at("one")), undefined);
  });

  test("that ended while no replica ran gets a moment to be renewed, then it is collected", async () => {
    await using all = new Replicas();
    const spec = (name: string) => ({ name, url: "tcp://10.0.0.1:1", expiration_time: { seconds: 900 } });
    for (const name of ["dead", "alive"])
      await all.server.create(storedEndpoints.resource, {
        apiVersion: "networkservicemesh.io/v1",
        kind: "NetworkServiceEndpoint",
        metadata: at(name),
        spec: spec(name),
      });
    const a = await all.start();
    await all.clock.advance(4_000);
    await a.endpoints.request(all.context(), nse("alive"));
    await all.clock.advance(1_000);
    assert.deepEqual(await all.names(a), ["alive"]);
    assert.equal(await all.server.find(storedEndpoints.resource, at("dead")), undefined);
  });

  test("does not end while the API server is away, for nobody can know who renewed it", async () => {
    await using all = new Replicas();
    const a = await all.start();
    await a.endpoints.request(all.context(), nse("one"));
    let away = true;
    all.server.intercept = () => {
      if (away) throw new CodedError("UNAVAILABLE", "the API server does not answer");
    };
    all.server.cutWatches();
    await all.clock.advance(300_000);
    assert.deepEqual(await all.names(a), ["one"]);
    assert.equal(a.isFresh, false);
    away = false;
    // The cache tries again within half a minute, is believed twelve seconds later, and endpoints get five to come back.
    await all.clock.advance(48_000);
    assert.equal(a.isFresh, true);
    assert.deepEqual(await all.names(a), []);
  });

  test("of an endpoint in another namespace ends for who asks, and its object is left to its own registry", async () => {
    await using all = new Replicas();
    const spec = { name: "there", url: "tcp://10.0.0.1:1", expiration_time: { seconds: 1_030 } };
    await all.server.create(storedEndpoints.resource, {
      apiVersion: "networkservicemesh.io/v1",
      kind: "NetworkServiceEndpoint",
      metadata: { namespace: "elsewhere", name: "there" },
      spec,
    });
    const a = await all.start();
    assert.deepEqual(await all.names(a), ["there"]);
    await all.clock.advance(40_000);
    assert.deepEqual(await all.names(a), []);
    assert.ok(await all.server.find(storedEndpoints.resource, { namespace: "elsewhere", name: "there" }));
  });

  test("with an end far beyond any timer costs nothing", async () => {
    await using all = new Replicas();
    const spec = { name: "far", url: "tcp://10.0.0.1:1", expiration_time: { seconds: 9_000_000_000 } };
    await all.server.create(storedEndpoints.resource, {
      apiVersion: "networkservicemesh.io/v1",
      kind: "NetworkServiceEndpoint",
      metadata: at("far"),
      spec,
    });
    const a = await all.start();
    await all.clock.advance(7_200_000);
    assert.deepEqual(await all.names(a), ["far"]);
  });
});

describe("a watcher", () => {
  test("of one replica is told of what happens at another, and of the end", async () => {
    await using all = new Replicas();
    const [a, b] = [await all.start(), await all.start()];
    const stop = new AbortController();
    const told: string[] = [];
    const watching = (async () => {
      const query = nseRules.query(endpoint({ networkServiceNames: ["icmp"] }), true);
      for await (const { networkServiceEndpoint: entry, deleted } of b.endpoints.find(all.context(stop.signal), query))
        told.push(`${deleted ? "-" : "+"}${entry?.name}`);
    })();
    await a.endpoints.request(all.context(), nse("one"));
    await all.settled();
    await a.endpoints.request(all.context(), nse("two", { networkServiceNames: ["other"] }));
    await a.endpoints.close(all.context(), nse("one"));
    await all.settled();
    stop.abort();
    await watching;
    assert.deepEqual(told, ["+one", "-one"]);
  });

  test("that does not read holds one change per endpoint and keeps nobody waiting", async () => {
    await using all = new Replicas();
    const a = await all.start();
    const stop = new AbortController();
    const slow = a.endpoints.find(all.context(stop.signal), nseRules.query(endpoint({}), true))[Symbol.asyncIterator]();
    const first = slow.next();
    await a.endpoints.request(all.context(), nse("one"));
    await first;
    for (let url = 0; url < 50; url++)
      await a.endpoints.request(all.context(), nse("one", { url: `tcp://10.0.0.1:${url}` }));
    await all.settled();
    const next = await slow.next();
    assert.equal(next.value?.networkServiceEndpoint?.url, "tcp://10.0.0.1:49");
    stop.abort();
    assert.equal((await slow.next()).done, true);
  });
});

describe("objects", () => {
  test("that cannot be read are told of and left out, the others stay", async () => {
    await using all = new Replicas();
    const object = { apiVersion: "networkservicemesh.io/v1", kind: "NetworkServiceEndpoint" };
    await all.server.create(storedEndpoints.resource, {
      ...object,
      metadata: at("broken"),
      spec: { network_service_names: 7 },
    });
    await all.server.create(storedEndpoints.resource, {
      ...object,
      metadata: at("good"),
      spec: { url: "tcp://10.0.0.1:1" },
    });
    const logger = new RecordingLogger();
    const a = await all.start({ logger });
    assert.deepEqual(await all.names(a), ["good"]);
    assert.equal(a.counts.unreadable, 1);
    const line = logger.lines.find(({ level }) => level === "warn");
    assert.equal(line?.fields.object, "NetworkServiceEndpoint nsm-system/broken");
    // A registration under its name heals it.
    await a.endpoints.request(all.context(), nse("broken"));
    await all.settled();
    assert.deepEqual(await all.names(a), ["broken", "good"]);
    assert.equal(a.counts.unreadable, 0);
  });

  test("of one name in several namespaces are one entry: the first as the API server lists them", async () => {
    await using all = new Replicas();
    const a = await all.start();
    const make = (where: string, payload: string) =>
      all.server.create(storedServices.resource, {
        apiVersion: "networkservicemesh.io/v1",
        kind: "NetworkService",
        metadata: { namespace: where, name: "icmp" },
        spec: { payload },
      });
    await make("zoo", "IP");
    await make("app", "ETHERNET");
    await all.settled();
    assert.deepEqual(
      (await all.services(a)).map(({ name, payload }) => [name, payload]),
      [["icmp", "ETHERNET"]],
    );
    await all.server.delete(storedServices.resource, { namespace: "app", name: "icmp" });
    await all.settled();
    assert.deepEqual(
      (await all.services(a)).map(({ payload }) => payload),
      ["IP"],
    );
  });

  test("that say the same already are not written again: a service registered by each of many Pods", async () => {
    await using all = new Replicas();
    const [a, b] = [await all.start(), await all.start()];
    await a.services.request(all.context(), service({ name: "icmp", payload: "IP" }));
    await all.settled();
    const writes = all.server.writes;
    for (const replica of [a, b]) await replica.services.request(all.context(), service({ name: "icmp" }));
    assert.equal(all.server.writes, writes);
  });
});
