import "reflect-metadata";
import assert from "node:assert/strict";
import { createPrivateKey, createSign, generateKeyPairSync, type KeyObject } from "node:crypto";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { type PathSegment, PathSegmentSchema } from "@nsmkit/api/networkservice";
import * as x509 from "@peculiar/x509";
import fc from "fast-check";
import { checkPolicies, clientPolicies, type PolicyInput, serverPolicies } from "./policies.ts";
import { claimsOf } from "./token.ts";

interface Party {
  readonly id: string;
  readonly key: KeyObject;
  readonly certificate: Uint8Array;
}

async function party(id: string): Promise<Party> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({ keys, signingAlgorithm: algorithm });
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey("pkcs8", keys.privateKey));
  return {
    id,
    key: createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" }),
    certificate: new Uint8Array(certificate.rawData),
  };
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const nowMs = 1_000_000;

function jwt(signer: Party, claims: { aud?: unknown; exp?: unknown; sub?: unknown }, alg = "ES256"): string {
  const text = `${encode({ alg })}.${encode({ sub: signer.id, exp: 2_000, ...claims })}`;
  const signature = createSign("sha256").update(text).sign({ key: signer.key, dsaEncoding: "ieee-p1363" });
  return `${text}.${signature.toString("base64url")}`;
}
const segment = (token: string): PathSegment => create(PathSegmentSchema, { token });

const [nsc, nsmgr, fwd] = await Promise.all(["nsc", "nsmgr", "fwd"].map((name) => party(`spiffe://td/${name}`)));
assert.ok(nsc && nsmgr && fwd);

/** As nsmgr sees it: nsc's token for it, its own for nsc. */
const good = (): PolicyInput => ({
  segments: [segment(jwt(nsc, { aud: [nsmgr.id] })), segment(jwt(nsmgr, { aud: [nsc.id] }))],
  index: 1,
  certificate: nsc.certificate,
  nowMs,
});
const denied = (input: PolicyInput, policy: string, policies = serverPolicies): void =>
  assert.throws(() => checkPolicies(policies, input), {
    code: "PERMISSION_DENIED",
    message: `no sufficient privileges: policy ${policy} does not allow the path`,
  });
const withFirst = (token: string): PolicyInput => ({
  ...good(),
  segments: [segment(token), ...good().segments.slice(1)],
});

test("a path whose tokens hold is allowed", () => {
  checkPolicies(serverPolicies, good());
});

test("a token that is no JWT is denied", () => denied(withFirst("x"), "tokens_valid"));

test("an expired token is denied", () => denied({ ...good(), nowMs: 2_000_000 }, "tokens_expired"));

test("a token without an end is denied", () =>
  denied(withFirst(jwt(nsc, { aud: [nsmgr.id], exp: undefined })), "tokens_valid"));

test("a token made for somebody else is denied", () =>
  denied(withFirst(jwt(nsc, { aud: [fwd.id] })), "tokens_chained"));

test("an audience that is a string instead of a list is denied", () =>
  denied(withFirst(jwt(nsc, { aud: nsmgr.id })), "tokens_valid"));

test("a token that another key signed is denied", () =>
  denied(withFirst(jwt({ ...fwd, id: nsc.id }, { aud: [nsmgr.id] })), "prev_token_signed"));

test("an unsigned token is denied", () => {
  const [header, payload] = [encode({ alg: "none" }), encode({ sub: nsc.id, exp: 2_000, aud: [nsmgr.id] })];
  denied(withFirst(`${header}.${payload}.`), "prev_token_signed");
});

test("a token that says another algorithm is denied even if the signature fits", () =>
  denied(withFirst(jwt(nsc, { aud: [nsmgr.id] }, "HS256")), "prev_token_signed"));

test("a caller without certificate is denied", () =>
  denied({ ...good(), certificate: undefined }, "prev_token_signed"));

test("a path that begins with us has no caller's token and is denied", () =>
  denied({ ...good(), segments: good().segments.slice(1), index: 0 }, "prev_token_signed"));

test("a client wants the next segment signed by the server it talks to", () => {
  const segments = [
    segment(jwt(nsc, { aud: [nsmgr.id] })),
    segment(jwt(nsmgr, { aud: [fwd.id] })),
    segment(jwt(fwd, { aud: [nsmgr.id] })),
  ];
  checkPolicies(clientPolicies, { segments, index: 0, certificate: nsmgr.certificate, nowMs });
  denied({ segments, index: 0, certificate: fwd.certificate, nowMs }, "next_token_signed", clientPolicies);
  denied(
    { segments: segments.slice(0, 1), index: 0, certificate: nsmgr.certificate, nowMs },
    "next_token_signed",
    clientPolicies,
  );
});

test("a certificate that is none denies instead of failing", () => {
  denied({ ...good(), certificate: new Uint8Array([1, 2, 3]) }, "prev_token_signed");
});

test("whatever text comes as a token, it says something or nothing", () => {
  const part = fc.oneof(
    fc.string(),
    fc.json().map((text) => Buffer.from(text).toString("base64url")),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 4 }), (parts) => {
      const claims = claimsOf(parts.join("."));
      assert.ok(claims === undefined || Array.isArray(claims.audience));
    }),
  );
});

test("generated keys of the wrong kind do not verify", () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-384" });
  const text = `${encode({ alg: "ES256" })}.${encode({ sub: nsc.id, exp: 2_000, aud: [nsmgr.id] })}`;
  const signature = createSign("sha256").update(text).sign({ key: privateKey, dsaEncoding: "ieee-p1363" });
  denied(withFirst(`${text}.${signature.toString("base64url")}`), "prev_token_signed");
});
