import type { EnvVar, LegacyMeshSpec } from "../../spec/mesh-spec.ts";
import { hostPath, type Place, place, value } from "../pod.ts";

export const imageOf = (mesh: LegacyMeshSpec, name: string): string =>
  `${mesh.imageRepository}/${name}:${mesh.version}`;

export const insecureEnv = (mesh: LegacyMeshSpec): EnvVar => value("INSECURE", String(mesh.insecure));

/** v0.2's programs trace unless told not to, so "false" is written out. */
export function tracerEnv(mesh: LegacyMeshSpec): EnvVar[] {
  if (!mesh.tracing) return [value("TRACER_ENABLED", "false")];
  return [
    value("TRACER_ENABLED", "true"),
    value("JAEGER_AGENT_HOST", `jaeger.${mesh.namespace}`),
    value("JAEGER_AGENT_PORT", "6831"),
  ];
}

export const legacySpireFolder = "/run/spire/sockets";

/** The agent's socket, which v0.2's programs look for at this place when they are not insecure. */
export const legacySpirePlace = (): Place =>
  place(hostPath("spire-agent-socket", legacySpireFolder), legacySpireFolder, { readOnly: true });

export const legacyProbes = (): Readonly<Record<string, unknown>> => {
  const probe = (path: string) => ({
    httpGet: { path, port: 5555 },
    initialDelaySeconds: 10,
    periodSeconds: 3,
    timeoutSeconds: 3,
  });
  return { livenessProbe: probe("/liveness"), readinessProbe: probe("/readiness") };
};
