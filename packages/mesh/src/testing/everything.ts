/** Documents that between them use everything: each release with each data plane and registry, our own programs, v0.2. */
import { releases } from "../versions/releases.ts";
import { isAtLeast } from "../versions/semver.ts";
import { nsmOf } from "./documents.ts";

export function everyDocument(kind: string): ReadonlyMap<string, unknown> {
  const platform = { kind };
  const common = { namespace: "nsm-system", platform, webhook: {}, spire: "managed" };
  const documents = new Map<string, unknown>();
  for (const version of releases) {
    const types = ["vpp", "sriov", ...(isAtLeast(version, "v1.1.0") ? ["ovs"] : [])];
    for (const type of ["k8s", "memory"]) {
      const csiDrivers = isAtLeast(version, "v1.10.0");
      const forwarders = types.map((one) => ({ type: one }));
      const spec = {
        ...common,
        version,
        csiDrivers,
        jaegerTracing: true,
        registry: { type, hostPort: true },
        forwarders,
      };
      documents.set(`${version} with a registry in ${type}`, nsmOf(spec));
    }
  }
  for (const spire of ["managed", "external", "none"]) {
    const spec = { ...common, provider: "nsmkit", spire, registry: { type: "k8s" }, forwarders: [{ type: "kernel" }] };
    documents.set(`nsmkit with SPIRE ${spire}`, nsmOf(spec));
  }
  for (const flag of ["true", "false"]) {
    const spec = { registry: "docker.io", namespace: "nsm-system", platform, spire: flag, jaegerTracing: flag };
    documents.set(`v0.2 with SPIRE and Jaeger ${flag}`, nsmOf(spec));
  }
  return documents;
}
