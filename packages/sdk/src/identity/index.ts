export { type InsecureIdentityOptions, insecureIdentity } from "./insecure.ts";
export { type PemFiles, pemFiles } from "./pem.ts";
export { type SpiffeIdentityOptions, spiffeIdentity } from "./spiffe.ts";
export { parseSpiffeId, type SpiffeId } from "./spiffeid.ts";
export type { Svid, SvidSource } from "./svid.ts";
export { parseToken, type TokenClaims, verifyToken } from "./token.ts";
export { type WorkloadApiOptions, workloadApi } from "./workload.ts";
