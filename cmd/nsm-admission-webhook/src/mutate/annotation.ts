import { CodedError, messageOf } from "@nsmkit/core";
import { parseServiceUrl, type ServiceUrl } from "@nsmkit/sdk/networkservice";

/** What a client says that is given an annotation without a mechanism; nsc takes the same. */
const usualMechanism = "kernel";

/**
 * Reads what a client will be told to connect to, by the client's own rules: what it would refuse when it starts is
 * refused before a Pod exists.
 * @throws INVALID_ARGUMENT naming the part that is wrong and what to write
 */
export function parseAnnotation(value: string): readonly ServiceUrl[] {
  const parts = value.split(",").map((part) => part.trim());
  if (parts.at(-1) === "") parts.pop();
  const services = parts.map((part, at) => {
    if (part === "") throw new CodedError("INVALID_ARGUMENT", `entry ${at + 1} is empty; remove the surplus comma`);
    return parseServiceUrl(part.includes("://") ? part : `${usualMechanism}://${part}`);
  });
  const first = services[0];
  if (!first) throw new CodedError("INVALID_ARGUMENT", "it names no service; write e.g. kernel://icmp-responder/nsm-1");
  const claimed = new Map<string, string>();
  for (const { interfaceName, networkService } of services) {
    if (interfaceName === undefined) continue;
    const other = claimed.get(interfaceName);
    if (other !== undefined)
      throw new CodedError(
        "INVALID_ARGUMENT",
        `interface "${interfaceName}" is wanted for both "${other}" and "${networkService}"; give each a name of its own`,
      );
    claimed.set(interfaceName, networkService);
  }
  return services;
}

/** Kubernetes' name of an extended resource: domain and name. */
const extendedResource = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

/**
 * Devices that services ask for with the label sriovToken, `pool/capability`, by resource name. Only the first token of
 * a URL counts, as upstream has it.
 * @throws INVALID_ARGUMENT for what is no name of a resource
 */
export function devicesOf(services: readonly ServiceUrl[]): Readonly<Record<string, string>> {
  const counts = new Map<string, number>();
  for (const { labels, networkService } of services) {
    if (!Object.hasOwn(labels, "sriovToken")) continue;
    const token = (labels.sriovToken ?? "").split(",")[0] ?? "";
    if (!extendedResource.test(token))
      throw new CodedError(
        "INVALID_ARGUMENT",
        `sriovToken "${token}" of service "${networkService}" is no resource; write <domain>/<name>`,
      );
    counts.set(token, (counts.get(token) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].map(([token, count]) => [token, String(count)]));
}

/** An error about an annotation, for who wrote it. */
export const annotationError = (object: string, annotation: string, value: string, error: unknown): string =>
  `${object}: annotation ${annotation}=${JSON.stringify(value.length > 500 ? `${value.slice(0, 500)}…` : value)}: ${messageOf(error)}`;
