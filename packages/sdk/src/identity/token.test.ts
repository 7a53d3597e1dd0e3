import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { importSPKI, jwtVerify, SignJWT } from "jose";
import { createTestCa } from "../testing/ca.ts";
import { parseToken, plainToken, signToken, verifyToken } from "./token.ts";

const ca = await createTestCa();
const { certificate, key } = await ca.issue({ path: "/nsc" });
const claims = {
  spiffeId: "spiffe://test.nsmkit/nsc",
  audience: ["spiffe://test.nsmkit/nsmgr"],
  expiresMs: 4_102_444_800_000,
};

test("another library verifies a token and reads the same claims", async () => {
  const spki = certificate.publicKey.export({ type: "spki", format: "pem" }).toString();
  const { payload, protectedHeader } = await jwtVerify(signToken(claims, key), await importSPKI(spki, "ES256"));
  assert.deepEqual(protectedHeader, { alg: "ES256", typ: "JWT" });
  assert.deepEqual(payload, { sub: claims.spiffeId, aud: claims.audience, exp: 4_102_444_800 });
});

test("a token that another library made verifies here", async () => {
  const token = await new SignJWT({ sub: claims.spiffeId, aud: claims.audience, exp: 4_102_444_800 })
    .setProtectedHeader({ alg: "ES256" })
    .sign(key);
  assert.deepEqual(verifyToken(token, certificate.raw), { ...claims, algorithm: "ES256" });
});

test("a token signed by another key is refused", async () => {
  const other = await ca.issue({ path: "/nsc" });
  assert.throws(() => verifyToken(signToken(claims, other.key), certificate.raw), { code: "UNAUTHENTICATED" });
});

test("a token whose claims were changed after signing is refused", () => {
  const [header, , signature] = signToken(claims, key).split(".");
  const [, changed] = signToken({ ...claims, spiffeId: "spiffe://test.nsmkit/nsmgr" }, key).split(".");
  assert.throws(() => verifyToken(`${header}.${changed}.${signature}`, certificate.raw), { code: "UNAUTHENTICATED" });
});

test("an unsigned token never verifies", () => {
  const token = plainToken(claims);
  assert.deepEqual(parseToken(token), { ...claims, algorithm: "none" });
  assert.throws(() => verifyToken(token, certificate.raw), { code: "UNAUTHENTICATED", message: /none/ });
});

test("a certificate whose key is on another curve verifies nothing", async () => {
  const p384 = await ca.issue({ path: "/nsc", namedCurve: "P-384" });
  assert.throws(() => verifyToken(signToken(claims, key), p384.certificate.raw), { code: "UNAUTHENTICATED" });
});

test("an audience that is no array is refused, as upstream's policies do", () => {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const token = `${part({ alg: "ES256" })}.${part({ sub: "a", aud: "b", exp: 1 })}.`;
  assert.throws(() => parseToken(token), { code: "INVALID_ARGUMENT", message: /aud/ });
});

test("hostile text is an error with a code, never another one", () => {
  const part = fc.oneof(
    fc.base64String(),
    fc.json().map((text) => Buffer.from(text).toString("base64url")),
    fc.string(),
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(part, { maxLength: 5 }).map((parts) => parts.join(".")),
  );
  fc.assert(
    fc.property(text, (token) => {
      try {
        verifyToken(token, certificate.raw);
        return false;
      } catch (error) {
        return (
          error instanceof Error && "code" in error && /^(INVALID_ARGUMENT|UNAUTHENTICATED)$/.test(String(error.code))
        );
      }
    }),
    { numRuns: 2000 },
  );
});
