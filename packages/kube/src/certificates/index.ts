export { authorityLifeMs, type Pair, renewAtMs, servingLifeMs } from "./authority.ts";
export { CertificateFiles } from "./files.ts";
export { type Issued, issue, type SecretData, type ServingCertificate } from "./issue.ts";
export { CertificateKeeper, type CertificateKeeperOptions } from "./keeper.ts";
export { decodeSecret, encodeSecret } from "./secret.ts";
export { SelfManagedCertificate, type SelfManagedOptions } from "./self-managed.ts";
export type { CertificateSource } from "./source.ts";
