/** What SPIRE's programs read when they start. */
import type { ModernMeshSpec } from "../../spec/mesh-spec.ts";
import { anyAddress } from "../pod.ts";
import { agentAccount, bundleMap, clusterName, serverPort, spireNamespace } from "./names.ts";

export const dataFolder = "/run/spire/data";

/**
 * The server's own. Data are kept apart by trust domain: a server refuses a store of another one, so a changed domain
 * begins an empty one.
 */
export function serverConf({ spire, platform }: ModernMeshSpec): string {
  const { trustDomain } = spire;
  const data = `${dataFolder}/${trustDomain}`;
  return `server {
  bind_address = "${anyAddress(platform.ipFamily)}"
  bind_port = "${serverPort}"
  trust_domain = "${trustDomain}"
  data_dir = "${data}"
  log_level = "INFO"
  ca_key_type = "rsa-2048"
  default_x509_svid_ttl = "1h"
  default_jwt_svid_ttl = "1h"
}

plugins {
  DataStore "sql" {
    plugin_data {
      database_type = "sqlite3"
      connection_string = "${data}/datastore.sqlite3"
    }
  }
  NodeAttestor "k8s_psat" {
    plugin_data {
      clusters = {
        "${clusterName}" = {
          service_account_allow_list = ["${spireNamespace}:${agentAccount}"]
        }
      }
    }
  }
  KeyManager "disk" {
    plugin_data {
      keys_path = "${data}/keys.json"
    }
  }
  Notifier "k8sbundle" {
    plugin_data {
      namespace = "${spireNamespace}"
      config_map = "${bundleMap}"
    }
  }
}
`;
}

export function controllerConfig(trustDomain: string): string {
  return `apiVersion: spire.spiffe.io/v1alpha1
kind: ControllerManagerConfig
metrics:
  bindAddress: "0"
health:
  healthProbeBindAddress: :8083
leaderElection:
  leaderElect: true
  resourceName: nsm-spire-controller-manager
  resourceNamespace: ${spireNamespace}
clusterName: ${clusterName}
trustDomain: ${trustDomain}
spireServerSocketPath: /run/spire/sockets/api.sock
ignoreNamespaces: [kube-system, kube-public, ${spireNamespace}]
`;
}

/** An agent's; its socket is where the document wants it. */
export function agentConf(trustDomain: string, socket: string): string {
  return `agent {
  data_dir = "/run/spire"
  log_level = "INFO"
  server_address = "spire-server.${spireNamespace}.svc"
  server_port = "${serverPort}"
  socket_path = "${socket}"
  trust_bundle_path = "/run/spire/bundle/bundle.crt"
  trust_domain = "${trustDomain}"
}

plugins {
  NodeAttestor "k8s_psat" {
    plugin_data {
      cluster = "${clusterName}"
    }
  }
  KeyManager "memory" {
    plugin_data {}
  }
  WorkloadAttestor "k8s" {
    plugin_data {
      # The kubelet's certificate is often its own, which no cluster CA vouches for.
      skip_kubelet_verification = true
    }
  }
  WorkloadAttestor "unix" {
    plugin_data {}
  }
}
`;
}
