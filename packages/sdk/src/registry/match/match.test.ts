import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { NetworkServiceEndpointSchema, NetworkServiceSchema } from "@nsmkit/api/registry";
import fc from "fast-check";
import { splitDomain } from "./domain.ts";
import { matchEndpoints } from "./endpoints.ts";
import { isSubset } from "./labels.ts";
import { matchesEndpointQuery, matchesServiceQuery } from "./query.ts";
import { fillTemplate } from "./template.ts";

const service = (init: MessageInitShape<typeof NetworkServiceSchema>) => create(NetworkServiceSchema, init);
const endpoint = (init: MessageInitShape<typeof NetworkServiceEndpointSchema>) =>
  create(NetworkServiceEndpointSchema, init);

describe("templates in selectors", () => {
  const labels = { nodeName: "n1", "app.kubernetes.io/name": "web", größe: "L" };
  for (const [text, filled] of [
    ["plain", "plain"],
    ["{{.nodeName}}", "n1"],
    ["{{ .nodeName }}", "n1"],
    ["a {{- .nodeName -}} b", "an1b"],
    ["{{.nodeName}}-{{.größe}}", "n1-L"],
    ["{{.podName}}", "<no value>"],
    ["{{.constructor}}", "<no value>"],
    ['{{index . "app.kubernetes.io/name"}}', "web"],
    ['{{ index . "absent" }}', ""],
    ["{{.nodeName", "{{.nodeName"],
    ["{{if .nodeName}}x{{end}}", "{{if .nodeName}}x{{end}}"],
    ["{{.nodeName}}{{.a.b}}", "{{.nodeName}}{{.a.b}}"],
    ["}}{{.nodeName}}", "}}n1"],
  ] as const)
    test(`${text} becomes ${filled || "nothing"}`, () => assert.equal(fillTemplate(text, labels), filled));

  test("a text without braces is never changed", () => {
    fc.assert(
      fc.property(
        fc.string().filter((text) => !text.includes("{{")),
        (text) => fillTemplate(text, labels) === text,
      ),
    );
  });

  test("no text takes long or throws", () => {
    const pieces = fc.constantFrom("{{", "}}", ".", "a", " ", "-", '"', "index", "{{ .", "\n", "{{- ", " -}}");
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 400 }), (parts) => {
        const before = performance.now();
        fillTemplate(parts.join(""), labels);
        return performance.now() - before < 100;
      }),
    );
  });
});

describe("isSubset", () => {
  // Not empty: an empty selector value also fits a missing label, which a label added under its key would spoil.
  const value = fc.string({ minLength: 1, maxLength: 3 });
  const dictionary = fc.dictionary(fc.string({ maxLength: 3 }), value, { maxKeys: 5 });

  test("labels fit themselves and the empty selector", () => {
    fc.assert(fc.property(dictionary, (labels) => isSubset(labels, labels, {}) && isSubset(labels, {}, {})));
  });

  test("what fits still fits when labels are added under other keys", () => {
    fc.assert(
      fc.property(dictionary, dictionary, dictionary, (labels, selector, more) =>
        isSubset(labels, selector, {}) ? isSubset({ ...more, ...labels }, selector, {}) : true,
      ),
    );
  });

  test("a selector with an empty value fits a missing label if there are enough labels", () => {
    assert.equal(isSubset({ a: "1" }, { b: "" }, {}), true);
    assert.equal(isSubset({}, { b: "" }, {}), false);
  });

  test("names of Object.prototype are no labels", () => {
    assert.equal(isSubset({ a: "1" }, { constructor: "x" }, {}), false);
  });

  test("a value that is a template is compared after filling", () => {
    assert.equal(isSubset({ nodeName: "n1" }, { nodeName: "{{.nodeName}}" }, { nodeName: "n1" }), true);
    assert.equal(isSubset({ nodeName: "n2" }, { nodeName: "{{.nodeName}}" }, { nodeName: "n1" }), false);
  });
});

describe("matchEndpoints", () => {
  const gateway = endpoint({ name: "gw", networkServiceLabels: { s: { labels: { app: "gateway" } } } });
  const firewall = endpoint({ name: "fw", networkServiceLabels: { s: { labels: { app: "firewall" } } } });
  const other = endpoint({ name: "x", networkServiceLabels: { t: { labels: { app: "gateway" } } } });
  const all = [gateway, firewall, other];
  const names = (labels: Record<string, string>, matches: MessageInitShape<typeof NetworkServiceSchema>["matches"]) =>
    matchEndpoints(labels, service({ name: "s", matches }), all).map(({ name }) => name);

  test("a service without matches gives every endpoint", () => assert.deepEqual(names({}, []), ["gw", "fw", "x"]));

  test("the first match whose source selector fits decides", () => {
    const matches = [
      { sourceSelector: { app: "firewall" }, routes: [{ destinationSelector: { app: "gateway" } }] },
      { routes: [{ destinationSelector: { app: "firewall" } }] },
    ];
    assert.deepEqual(names({ app: "firewall" }, matches), ["gw"]);
    assert.deepEqual(names({}, matches), ["fw"]);
  });

  test("labels of another service do not count", () => {
    assert.deepEqual(names({}, [{ routes: [{ destinationSelector: { app: "gateway" } }] }]), ["gw"]);
  });

  test("a match that fits the client ends the search with nothing, unless it falls through", () => {
    const none = { routes: [{ destinationSelector: { app: "none" } }] };
    const any = { routes: [{ destinationSelector: {} }] };
    assert.deepEqual(names({}, [none, any]), []);
    assert.deepEqual(names({}, [{ ...none, fallthrough: true }, any]), ["gw", "fw", "x"]);
  });

  test("no match that fits gives nothing", () => {
    assert.deepEqual(names({}, [{ sourceSelector: { app: "a" }, routes: [{ destinationSelector: {} }] }]), []);
  });

  test("a match with metadata and no routes gives all, one with neither gives none", () => {
    assert.deepEqual(names({}, [{ metadata: { labels: { via: "vlan" } } }]), ["gw", "fw", "x"]);
    assert.deepEqual(names({}, [{}]), []);
  });

  test("two routes that select one endpoint list it twice, in route order", () => {
    const routes = [
      { destinationSelector: { app: "firewall" } as Record<string, string> },
      { destinationSelector: {} },
    ];
    assert.deepEqual(names({}, [{ routes }]), ["fw", "gw", "fw", "x"]);
  });

  test("destination selectors are filled from the client's labels", () => {
    const matches = [{ routes: [{ destinationSelector: { app: "{{.wants}}" } }] }];
    assert.deepEqual(names({ wants: "gateway" }, matches), ["gw"]);
    assert.deepEqual(names({}, matches), []);
  });
});

describe("queries", () => {
  const entry = endpoint({
    name: "nse-1",
    networkServiceNames: ["a", "b"],
    networkServiceLabels: { a: { labels: { app: "x", tier: "1" } } },
    url: "tcp://10.0.0.1:5001",
    expirationTime: { seconds: 7n, nanos: 5 },
  });
  const fits = (query: MessageInitShape<typeof NetworkServiceEndpointSchema>) =>
    matchesEndpointQuery(endpoint(query), entry);

  test("the empty query fits everything", () => {
    assert.ok(fits({}));
    assert.ok(matchesServiceQuery(service({}), service({ name: "a" })));
  });
  test("a name must be equal: no prefix", () =>
    assert.deepEqual([fits({ name: "nse-1" }), fits({ name: "nse" })], [true, false]));
  test("all queried services must be among the endpoint's", () => {
    assert.deepEqual(
      [["b"], ["a", "b"], ["a", "c"]].map((networkServiceNames) => fits({ networkServiceNames })),
      [true, true, false],
    );
  });
  test("the URL may be a part", () =>
    assert.deepEqual([fits({ url: "10.0.0.1" }), fits({ url: "unix:" })], [true, false]));
  test("queried labels of a service must be among the endpoint's, and the service must have labels", () => {
    assert.equal(fits({ networkServiceLabels: { a: { labels: { app: "x" } } } }), true);
    assert.equal(fits({ networkServiceLabels: { a: { labels: { app: "y" } } } }), false);
    assert.equal(fits({ networkServiceLabels: { b: {} } }), false);
  });
  test("expiration is compared by second", () => {
    assert.equal(fits({ expirationTime: { seconds: 7n } }), true);
    assert.equal(fits({ expirationTime: { seconds: 8n } }), false);
  });
  test("a service fits by payload and by equal matches", () => {
    const stored = service({ name: "s", payload: "IP", matches: [{ sourceSelector: { a: "b" } }] });
    const query = (init: MessageInitShape<typeof NetworkServiceSchema>) => matchesServiceQuery(service(init), stored);
    assert.equal(query({ payload: "IP", matches: [{ sourceSelector: { a: "b" } }] }), true);
    assert.equal(query({ payload: "ETHERNET" }), false);
    assert.equal(query({ matches: [{ sourceSelector: { a: "c" } }] }), false);
    assert.equal(query({ matches: [{ sourceSelector: { a: "b" } }, {}] }), false);
  });
  test("the domain is what follows the first @", () => {
    assert.deepEqual(splitDomain("a@b@c"), { target: "a", domain: "b@c" });
    assert.deepEqual(splitDomain("a"), { target: "a", domain: undefined });
  });
});
