import type { Message } from "@bufbuild/protobuf";
import type { NetworkServiceClient, NetworkServiceEndpoint } from "@nsmkit/api/cnf";
import type { Interface, Route } from "@nsmkit/api/linux";
import { linuxInterfaceModel, linuxRouteModel, type Model, nsmClientModel, nsmEndpointModel } from "@nsmkit/api/model";
import { checkInterfaceName, checkMac, parseCidr, parseIp } from "@nsmkit/netlink";

/** What one item says beyond its fields' types: what it names, offers and asks for. */
export interface ItemMeaning {
  /** Logical interface name that the item makes; may stand only once per agent. */
  readonly interfaceName?: string;
  readonly asksFor?: string;
  readonly offers?: string;
}

/**
 * Checks values that their types allow and no kernel would: names, addresses. What the fields mean together is for
 * the agent. `wrong` gets the field, then what is wrong and what to write.
 */
export function checkItemValue(
  model: Model,
  value: Message,
  wrong: (field: string, text: string) => void,
): ItemMeaning {
  const checked = (field: string, check: () => unknown): void => {
    try {
      check();
    } catch (error) {
      // The checkers begin with the field that they are told.
      wrong(field, (error as Error).message.replace(`${field}: `, ""));
    }
  };
  const cidrs = (field: string, list: readonly string[]): void => {
    for (const [i, text] of list.entries())
      if (!text.startsWith("alloc:")) checked(`${field}[${i}]`, () => parseCidr(text, `${field}[${i}]`));
  };
  const mac = (text: string): void => {
    if (text !== "") checked("phys_address", () => checkMac(text, "phys_address"));
  };
  const required = (field: string, text: string): void => {
    if (text === "") wrong(field, "is missing");
  };
  if (model === nsmClientModel) {
    const client = value as NetworkServiceClient;
    required("name", client.name);
    required("network_service", client.networkService);
    checked("interface_name", () => checkInterfaceName(client.interfaceName, "interface_name"));
    cidrs("ip_addresses", client.ipAddresses);
    mac(client.physAddress);
    return { interfaceName: client.interfaceName, asksFor: client.networkService };
  }
  if (model === nsmEndpointModel) {
    const endpoint = value as NetworkServiceEndpoint;
    required("network_service", endpoint.networkService);
    // The shortest suffix is one digit.
    checked("interface_name_prefix", () =>
      checkInterfaceName(`${endpoint.interfaceNamePrefix}0`, "interface_name_prefix"),
    );
    required("interface_name_prefix", endpoint.interfaceNamePrefix);
    cidrs("ip_addresses", endpoint.ipAddresses);
    mac(endpoint.physAddress);
    return { offers: endpoint.networkService };
  }
  if (model === linuxInterfaceModel) {
    const link = value as Interface;
    required("name", link.name);
    if (link.hostIfName !== "") checked("host_if_name", () => checkInterfaceName(link.hostIfName, "host_if_name"));
    else checked("name", () => checkInterfaceName(link.name, "name"));
    cidrs("ip_addresses", link.ipAddresses);
    mac(link.physAddress);
    return { interfaceName: link.name };
  }
  if (model === linuxRouteModel) {
    const route = value as Route;
    cidrs("dst_network", [route.dstNetwork]);
    if (route.gwAddr !== "" && !route.gwAddr.startsWith("alloc:"))
      checked("gw_addr", () => parseIp(route.gwAddr, "gw_addr"));
  }
  return {};
}
