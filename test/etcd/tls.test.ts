import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { openEtcd, textOf } from "@nsmkit/agent/etcd";
import { createTestCa, type Issued } from "@nsmkit/sdk/testing";
import { EtcdServer } from "./server.ts";
import { coded, skip } from "./support.ts";

describe("the etcd client and TLS", skip, () => {
  let folder: string;
  let server: EtcdServer;
  let ca: Awaited<ReturnType<typeof createTestCa>>;
  const pem = ({ certificate, key }: Issued): { cert: string; key: string } => ({
    cert: certificate.toString(),
    key: key.export({ type: "pkcs8", format: "pem" }).toString(),
  });
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "nsmkit-etcd-tls-"));
    ca = await createTestCa();
    const own = pem(await ca.issue({ path: "/etcd", uris: [], hosts: ["127.0.0.1"] }));
    const files = { "ca.pem": ca.root.toString(), "cert.pem": own.cert, "key.pem": own.key };
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    server = await EtcdServer.start({
      scheme: "https",
      flags: [
        ...["--cert-file", join(folder, "cert.pem"), "--key-file", join(folder, "key.pem")],
        ...["--client-cert-auth", "--trusted-ca-file", join(folder, "ca.pem")],
      ],
    });
  });
  after(async () => {
    await server.close();
    await rm(folder, { recursive: true });
  });

  test("our certificate and theirs are from the authority", async () => {
    const tls = { ca: ca.root.toString(), ...pem(await ca.issue({ path: "/agent", uris: [] })) };
    await using etcd = openEtcd({ endpoints: [server.endpoint], tls });
    await etcd.put("a", "1");
    assert.equal(textOf((await etcd.get("a"))?.value ?? Buffer.of()), "1");
  });

  test("a server of another authority is refused, unless any is taken", async () => {
    const own = pem(await ca.issue({ path: "/agent", uris: [] }));
    const other = (await createTestCa()).root.toString();
    await using wary = openEtcd({ endpoints: [server.url], tls: { ca: other, ...own }, operationTimeoutMs: 500 });
    await assert.rejects(wary.get("a"), coded("UNAUTHENTICATED"));
    await using easy = openEtcd({ endpoints: [server.url], tls: { ...own, skipVerify: true } });
    await easy.get("a");
  });

  test("a client without a certificate is turned away", async () => {
    await using etcd = openEtcd({ endpoints: [server.url], tls: { ca: ca.root.toString() }, operationTimeoutMs: 500 });
    await assert.rejects(etcd.get("a"));
  });
});
