import type { LegacyMeshSpec } from "../../spec/mesh-spec.ts";
import type { MeshObject } from "../phase.ts";
import { allowConstraints, clusterRole, read, rule, serviceAccount, write } from "../rbac.ts";
import { legacyAccounts } from "./accounts.ts";

/** v0.2 needed these from whoever installed it; the first operator never made them. */
export function legacyRbac(mesh: LegacyMeshSpec): MeshObject[] {
  const { manager, forwarder, endpoint, client, tracing } = legacyAccounts;
  const webhook = legacyAccounts.webhook(mesh.webhookName);
  const kinds = ["networkservices", "networkserviceendpoints", "networkservicemanagers"];
  return [
    serviceAccount(mesh, manager, "nsmgr", { usesApi: true }),
    serviceAccount(mesh, forwarder, "forwarder", { usesApi: false }),
    serviceAccount(mesh, endpoint, "endpoint", { usesApi: false }),
    serviceAccount(mesh, client, "client", { usesApi: false }),
    serviceAccount(mesh, webhook, "admission-webhook", { usesApi: false }),
    ...(mesh.tracing ? [serviceAccount(mesh, tracing, "tracing", { usesApi: false })] : []),
    ...clusterRole(mesh, "nsm-role", "nsmgr", { account: manager }, [
      rule("networkservicemesh.io", kinds, write),
      rule("apiextensions.k8s.io", ["customresourcedefinitions"], [...read, "create"]),
      rule("", ["configmaps"], ["get"]),
      rule("", ["nodes", "services", "namespaces"], read),
    ]),
    ...allowConstraints(mesh, manager, "nsmgr", "privileged"),
    ...allowConstraints(mesh, forwarder, "forwarder", "privileged"),
    ...allowConstraints(mesh, webhook, "admission-webhook", "anyuid"),
  ];
}
