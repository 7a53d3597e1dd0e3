import { messageOf } from "@nsmkit/core";
import { ValueError } from "@nsmkit/core/config";
import { parseServiceUrl, type ServiceUrl } from "@nsmkit/sdk/networkservice";

/**
 * The services that a client shall connect to. A service without a scheme, `icmp-responder/nsm-1`, gets `mechanism`.
 * @throws ValueError naming the URL, or the interface name that two of them claim
 */
export function parseServices(urls: readonly string[], mechanism: string): readonly ServiceUrl[] {
  const services = urls.map((url) => parse(url.includes("://") ? url : `${mechanism}://${url}`));
  if (services.length === 0) throw new ValueError("names no service", "write e.g. kernel://icmp-responder/nsm-1");
  const claimed = new Map<string, string>();
  for (const { interfaceName, networkService } of services) {
    if (interfaceName === undefined) continue;
    const other = claimed.get(interfaceName);
    if (other !== undefined)
      throw new ValueError(
        `interface "${interfaceName}" is wanted for both "${other}" and "${networkService}"`,
        "give each service an interface name of its own",
      );
    claimed.set(interfaceName, networkService);
  }
  return services;
}

function parse(url: string): ServiceUrl {
  try {
    return parseServiceUrl(url);
  } catch (error) {
    throw new ValueError(messageOf(error), "correct that part");
  }
}
