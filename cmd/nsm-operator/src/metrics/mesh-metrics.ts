import { X509Certificate } from "node:crypto";
import type { UnknownObject } from "@nsmkit/kube";
import { decodeSecret } from "@nsmkit/kube/certificates";
import { Gauge, type Registry } from "prom-client";
import type { Meshes } from "../status/meshes.ts";
import type { Nsm } from "../status/status.ts";

export interface MeshMetricsOptions {
  readonly registry: Registry;
  readonly meshes: Pick<Meshes, "list">;
  /** Secrets of meshes, as the cache has them. */
  readonly secrets: () => readonly UnknownObject[];
}

const labelsOf = ({ metadata }: Nsm): { namespace: string; mesh: string } => ({
  namespace: metadata.namespace ?? "",
  mesh: metadata.name ?? "",
});

/**
 * What the status of each mesh says, for alerts and dashboards. All of it is read at the scrape; nothing is kept.
 * @returns takes them out of the registry, for whoever does not lead any more
 */
export function registerMeshMetrics({ registry, meshes, secrets }: MeshMetricsOptions): () => void {
  const registers = [registry];
  const component = ["namespace", "mesh", "component", "kind", "name"] as const;
  const gauge = <L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    read: (set: (labels: Record<L, string>, value: number) => void) => void,
  ): void => {
    new Gauge<L>({
      ...{ name, help, labelNames, registers },
      collect() {
        this.reset();
        read((labels, value) => this.set(labels, value));
      },
    });
  };
  for (const which of ["ready", "desired"] as const) {
    gauge(`nsm_component_${which}`, `Pods of a workload of the mesh that are ${which}`, component, (set) => {
      for (const nsm of meshes.list()) {
        for (const { component, kind, name, ...pods } of nsm.status?.components ?? []) {
          set({ ...labelsOf(nsm), component, kind, name }, pods[which]);
        }
      }
    });
  }
  gauge("nsm_info", "1 for each mesh, with the release that runs", ["namespace", "mesh", "version", "phase"], (set) => {
    for (const nsm of meshes.list()) {
      const { currentVersion: version = "", phase = "" } = nsm.status ?? {};
      set({ ...labelsOf(nsm), version, phase }, 1);
    }
  });
  gauge("nsm_upgrade_in_progress", "1 while the release of the mesh is being changed", ["namespace", "mesh"], (set) => {
    for (const nsm of meshes.list()) {
      const state = nsm.status?.upgrade?.state;
      set(labelsOf(nsm), state === "Running" || state === "RollingBack" ? 1 : 0);
    }
  });
  gauge(
    "nsm_certificate_expiry_timestamp_seconds",
    "When a serving certificate of the mesh ends, seconds since the epoch",
    ["namespace", "secret"],
    (set) => {
      for (const secret of secrets()) {
        const { namespace = "", name = "" } = secret.metadata;
        const endMs = endOf(secret);
        if (endMs !== undefined) set({ namespace, secret: name }, endMs / 1000);
      }
    },
  );
  const names = ["component_ready", "component_desired", "info", "upgrade_in_progress"];
  return () => {
    for (const name of [...names, "certificate_expiry_timestamp_seconds"]) registry.removeSingleMetric(`nsm_${name}`);
  };
}

function endOf(secret: UnknownObject): number | undefined {
  const certificate = decodeSecret(secret)["tls.crt"];
  if (certificate === undefined) return undefined;
  try {
    return new X509Certificate(certificate).validToDate.getTime();
  } catch {
    // Somebody wrote something else into it; the next pass puts it right.
    return undefined;
  }
}
