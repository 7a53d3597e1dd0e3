import {
  type ConnectionLabel,
  ConnectionInterfaceType as InterfaceType,
  type NetworkServiceClient,
  type NetworkServiceEndpoint,
} from "@nsmkit/api/cnf";
import { nsmClientModel } from "@nsmkit/api/model";
import type { Check } from "../../northbound/northbound.ts";
import { FieldChecks } from "../field-checks.ts";

export const clientTitle = (value: NetworkServiceClient): string => `cnf.nsm client ${JSON.stringify(value.name)}`;
export const endpointTitle = (value: NetworkServiceEndpoint): string =>
  `cnf.nsm endpoint ${JSON.stringify(value.networkService)}`;

/** Everything that can be wrong with a client by itself. */
export function checkClient(value: NetworkServiceClient): void {
  const checks = new FieldChecks(clientTitle(value));
  checks.required("name", value.name, "give every client its own name");
  checkService(checks, value.networkService);
  checks.required("interface_name", value.interfaceName, "name the interface that the connection is to have");
  if (value.interfaceName !== "")
    checks.linkName("interface_name", value.interfaceName, "choose a shorter or simpler one");
  checkLabels(checks, "outgoing_labels", value.outgoingLabels);
  checkCommon(checks, value);
  checks.throwIfAny();
}

/** Everything that can be wrong with an endpoint by itself. */
export function checkEndpoint(value: NetworkServiceEndpoint): void {
  const checks = new FieldChecks(endpointTitle(value));
  checkService(checks, value.networkService);
  checks.required(
    "interface_name_prefix",
    value.interfaceNamePrefix,
    'write how the names of its interfaces begin, such as "web"',
  );
  if (value.interfaceNamePrefix !== "")
    checks.linkName("interface_name_prefix", value.interfaceNamePrefix, "choose a shorter or simpler one");
  checkLabels(checks, "advertised_labels", value.advertisedLabels);
  if (!value.singleClient) {
    if (value.ipAddresses.length > 0)
      checks.wrong(
        "ip_addresses",
        "can only be given to a single client's interface; set single_client, or leave them out",
      );
    if (value.physAddress !== "")
      checks.wrong(
        "phys_address",
        "can only be given to a single client's interface; set single_client, or leave it out",
      );
  }
  checkCommon(checks, value);
  checks.throwIfAny();
}

function checkService(checks: FieldChecks, name: string): void {
  checks.required("network_service", name, "name the network service");
  if (name !== "" && !/^[^\s/@:]+(@[^\s/@:]+)?$/.test(name))
    checks.wrong(
      "network_service",
      `is ${JSON.stringify(name)}, must be a name, or name@domain for another mesh, without blanks, "/" or ":"`,
    );
}

function checkLabels(checks: FieldChecks, field: string, labels: readonly ConnectionLabel[]): void {
  const seen = new Map<string, number>();
  for (const [i, { key }] of labels.entries()) {
    if (key === "") checks.wrong(`${field}[${i}].key`, "is empty; name the label");
    const twin = seen.get(key);
    if (twin !== undefined)
      checks.wrong(`${field}[${i}].key`, `is ${JSON.stringify(key)} as in ${field}[${twin}]; keep one`);
    seen.set(key, i);
  }
}

function checkCommon(checks: FieldChecks, value: NetworkServiceClient | NetworkServiceEndpoint): void {
  if (value.interfaceType === InterfaceType.MEM_INTERFACE)
    checks.wrong("interface_type", "is MEM_INTERFACE, which needs a VPP; use nsm-agent-vpp, or KERNEL_INTERFACE");
  checks.interfaceAddresses("ip_addresses", value.ipAddresses, "");
  checks.mac("phys_address", value.physAddress);
}

export function labelsOf(labels: readonly ConnectionLabel[]): Record<string, string> {
  return Object.fromEntries(labels.map(({ key, value }) => [key, value]));
}

/** Two clients that want the same interface. */
export const checkClientInterfaces: Check = (batch, merged, problems) => {
  const owners = new Map<string, string>();
  for (const item of merged.values()) {
    if (item.model !== nsmClientModel) continue;
    const { interfaceName } = item.value as NetworkServiceClient;
    const other = owners.get(interfaceName);
    owners.set(interfaceName, item.key);
    const twin = other === undefined ? undefined : merged.get(other);
    if (!twin || !(batch.includes(item) || batch.includes(twin))) continue;
    const value = item.value as NetworkServiceClient;
    problems.add(
      item.place,
      `${clientTitle(value)}: field "interface_name" is ${JSON.stringify(interfaceName)}, which client ${JSON.stringify((twin.value as NetworkServiceClient).name)} (${twin.place}) has too; choose another`,
    );
  }
};
