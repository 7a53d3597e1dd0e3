import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { CertificateFiles } from "./files.ts";
import { issue, type ServingCertificate } from "./issue.ts";

const make = async (): Promise<ServingCertificate> =>
  (await issue({}, { commonName: "t", dnsNames: ["a.svc"] }, Date.now())).serving;

test("files are read anew each time, and a pair that does not belong together is refused", async () => {
  const folder = await mkdtemp(join(tmpdir(), "nsmkit-certificate-"));
  try {
    const [certFile, keyFile] = [join(folder, "tls.crt"), join(folder, "tls.key")];
    const files = new CertificateFiles({ certFile, keyFile });
    await assert.rejects(files.read(), { code: "NOT_FOUND", message: /cannot be read/ });
    const [first, second] = [await make(), await make()];
    await writeFile(certFile, first.certificate);
    await writeFile(keyFile, first.key);
    assert.equal((await files.read()).certificate, first.certificate);
    await writeFile(certFile, second.certificate);
    await assert.rejects(files.read(), { code: "INVALID_CONFIG" });
    await writeFile(keyFile, second.key);
    assert.deepEqual(await files.read(), { ca: "", certificate: second.certificate, key: second.key });
  } finally {
    await rm(folder, { recursive: true });
  }
});
