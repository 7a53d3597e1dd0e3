import type { MeshSpec } from "../spec/mesh-spec.ts";
import { meshObject } from "./object.ts";
import type { BuildOptions, Certificate, CertificateRequest, MeshObject } from "./phase.ts";

/** API servers ask for `<service>.<namespace>.svc`; the others are for people and older clients. */
export function certificateRequest(mesh: MeshSpec, secret: string, service: string): CertificateRequest {
  const { namespace } = mesh;
  return {
    secret: { namespace, name: secret },
    commonName: `${service}.${namespace}.svc`.slice(-64),
    dnsNames: [
      `${service}.${namespace}.svc`,
      `${service}.${namespace}.svc.cluster.local`,
      `${service}.${namespace}`,
      service,
    ],
  };
}

export function certificateSecret(
  mesh: MeshSpec,
  component: string,
  request: CertificateRequest,
  { ca, certificate, key }: Certificate,
): MeshObject {
  return meshObject(
    mesh,
    "Secret",
    request.secret.name,
    { component },
    {
      type: "kubernetes.io/tls",
      data: { "ca.crt": base64(ca), "tls.crt": base64(certificate), "tls.key": base64(key) },
    },
  );
}

export const base64 = (text: string): string => Buffer.from(text, "utf8").toString("base64");

export const certificateOf = (
  request: CertificateRequest | undefined,
  { certificates }: BuildOptions,
): Certificate | undefined => request && certificates?.get(`${request.secret.namespace}/${request.secret.name}`);
