import type { MeshObject } from "../phase.ts";
import {
  allowConstraints,
  clusterRole,
  type Rule,
  read,
  role,
  rule,
  serviceAccount,
  type Verb,
  write,
} from "../rbac.ts";
import { accounts, webhookConfigurationName } from "./accounts.ts";
import type { ModernContext } from "./common.ts";

/** Accounts and their rights; no program has more than its own work needs. */
export function modernRbac(context: ModernContext): MeshObject[] {
  const { mesh } = context;
  return [
    ...managerRbac(context),
    ...registryRbac(context),
    ...mesh.forwarders.flatMap(({ name }) => [
      serviceAccount(mesh, accounts.forwarder(name), name, { usesApi: false }),
      ...allowConstraints(mesh, accounts.forwarder(name), name, "privileged"),
    ]),
    ...(mesh.webhook ? webhookRbac(context) : []),
    ...(mesh.csiDrivers
      ? [
          serviceAccount(mesh, accounts.csi, "csi", { usesApi: false }),
          ...allowConstraints(mesh, accounts.csi, "csi", "privileged"),
        ]
      : []),
    ...(mesh.tracing ? [serviceAccount(mesh, accounts.tracing, "tracing", { usesApi: false })] : []),
  ];
}

/** Upstream's collector of prefixes reads nodes, Services and three ConfigMaps; it shares the manager's Pod. */
function managerRbac({ mesh }: ModernContext): MeshObject[] {
  const component = "nsmgr";
  const account = accounts.manager;
  const upstream = mesh.provider === "upstream";
  const places = [...new Set(["kube-system", "default", mesh.namespace])];
  return [
    serviceAccount(mesh, account, component, { usesApi: upstream }),
    ...(upstream
      ? [
          ...clusterRole(mesh, "nsm-nsmgr", component, { account }, [
            rule("", ["nodes", "services", "namespaces"], read),
          ]),
          ...places.flatMap((namespace) =>
            role(mesh, "nsm-excluded-prefixes", component, { account }, [rule("", ["configmaps"], read)], namespace),
          ),
        ]
      : []),
    ...allowConstraints(mesh, account, component, "privileged"),
  ];
}

function registryRbac({ mesh }: ModernContext): MeshObject[] {
  const component = "registry";
  const account = accounts.registry(mesh);
  const usesApi = mesh.registry.type === "k8s";
  return [
    serviceAccount(mesh, account, component, { usesApi }),
    ...(usesApi ? entryRights(mesh, component, account) : []),
    ...(mesh.registry.hostPort || mesh.spire.mode !== "none"
      ? allowConstraints(mesh, account, component, "privileged")
      : []),
  ];
}

/** All namespaces are read, only the mesh's own is written to; upstream's registry is left with what its release asks for. */
function entryRights(mesh: ModernContext["mesh"], component: string, account: string): MeshObject[] {
  const name = "nsm-registry";
  const entries = (verbs: readonly Verb[]): Rule =>
    rule("networkservicemesh.io", ["networkservices", "networkserviceendpoints"], verbs);
  if (mesh.provider === "upstream") return clusterRole(mesh, name, component, { account }, [entries(write)]);
  return [
    ...clusterRole(mesh, name, component, { account }, [entries(read)]),
    ...role(mesh, name, component, { account }, [entries(["create", "patch", "delete"])]),
  ];
}

function webhookRbac({ mesh, features }: ModernContext): MeshObject[] {
  const component = "admission-webhook";
  const account = accounts.webhook;
  const rules = [];
  if (!features || features.webhookReadsNamespaces) rules.push(rule("", ["namespaces"], ["get"]));
  if (features?.webhookMode === "selfregister") {
    const configurations = ["mutatingwebhookconfigurations"];
    const group = "admissionregistration.k8s.io";
    // What is created has no name yet for RBAC, so only the other verbs can be bound to ours.
    rules.push(rule(group, configurations, ["create"]));
    rules.push({ ...rule(group, configurations, ["get", "delete"]), resourceNames: [webhookConfigurationName] });
  }
  return [
    serviceAccount(mesh, account, component, { usesApi: rules.length > 0 }),
    ...(rules.length > 0 ? clusterRole(mesh, "nsm-admission-webhook", component, { account }, rules) : []),
  ];
}
