import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { authorityLifeMs, servingLifeMs } from "./authority.ts";
import { type Issued, issue, type SecretData } from "./issue.ts";

const request = { commonName: "webhook", dnsNames: ["webhook.nsm-system.svc"] };
const start = Date.UTC(2026, 0, 1);

const held = ({ authority, serving }: Issued): { authority: SecretData; serving: SecretData } => ({
  authority,
  serving: { "tls.crt": serving.certificate, "tls.key": serving.key },
});

test("a certificate is for its names, signed by the authority, and kept while it is good", async () => {
  const first = await issue({}, request, start);
  const certificate = new X509Certificate(first.serving.certificate);
  assert.ok(certificate.checkHost("webhook.nsm-system.svc"));
  assert.ok(certificate.verify(new X509Certificate(first.serving.ca).publicKey));
  assert.equal(certificate.ca, false);
  const again = await issue(held(first), request, start + servingLifeMs / 2);
  assert.equal(again.serving.certificate, first.serving.certificate);
  assert.equal(again.authority, first.authority);
});

test("it is replaced before it ends, under the same authority", async () => {
  const first = await issue({}, request, start);
  assert.ok(first.renewAtMs < start + servingLifeMs);
  const later = await issue(held(first), request, first.renewAtMs + 1);
  assert.notEqual(later.serving.certificate, first.serving.certificate);
  assert.equal(later.serving.ca, first.serving.ca);
});

test("an authority that is replaced stays trusted beside its successor", async () => {
  const first = await issue({}, request, start);
  const later = await issue(held(first), request, start + authorityLifeMs * 0.7);
  assert.ok(later.serving.ca.includes(first.authority["ca.crt"] ?? "?"));
  assert.notEqual(later.authority["ca.crt"], first.authority["ca.crt"]);
});

test("a certificate for other names, a foreign key and rubbish are replaced", async () => {
  const first = await issue({}, request, start);
  const other = await issue({}, request, start);
  const moved = await issue(held(first), { ...request, dnsNames: ["webhook.other.svc"] }, start);
  assert.notEqual(moved.serving.certificate, first.serving.certificate);
  const mixed = { ...held(first), serving: held(other).serving };
  assert.notEqual((await issue(mixed, request, start)).serving.certificate, other.serving.certificate);
  const rubbish = { authority: { "ca.crt": "x", "ca.key": "y" }, serving: { "tls.crt": "z" } };
  assert.ok(new X509Certificate((await issue(rubbish, request, start)).serving.certificate));
});
