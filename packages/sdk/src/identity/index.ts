export { type InsecureIdentityOptions, insecureIdentity } from "./insecure.ts";
