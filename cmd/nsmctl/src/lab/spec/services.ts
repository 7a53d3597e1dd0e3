import type { Service } from "../documents/kubernetes/service.ts";
import type { Located } from "../documents/load.ts";
import { hostOf, numbersOf } from "./addresses.ts";
import type { PodSpec, ServicePortSpec, ServiceSpec } from "./spec.ts";

/** The lower half of the cluster network is for Pods, the upper one for Services. */
const half = (subnet: string): number => 2 ** (32 - Number(subnet.split("/")[1]) - 1);

const serviceId = ({ value }: Located<Service>): string =>
  `${value.metadata.namespace ?? "default"}/${value.metadata.name}`;

/** Address of each Pod, by name: "198.19.3.7/16". */
export function podAddresses(subnet: string, pods: readonly string[]): Map<string, string> {
  // .1 is the lab's own end.
  const numbers = numbersOf(pods, 2, half(subnet));
  return new Map([...numbers].map(([name, number]) => [name, hostOf(subnet, number)]));
}

interface Context {
  readonly subnet: string;
  readonly pods: readonly PodSpec[];
  /** "pod/container" -> named ports. */
  readonly namedPorts: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly notes: string[];
}

/** Services as what a lab forwards: an address, and per port the Pods behind it. */
export function buildServices(services: readonly Located<Service>[], context: Context): ServiceSpec[] {
  const { subnet } = context;
  const numbers = numbersOf(services.map(serviceId), half(subnet), half(subnet) * 2 - 1);
  return services.map((service): ServiceSpec => {
    const { value, object } = service;
    const { name, namespace = "default" } = value.metadata;
    const number = numbers.get(serviceId(service)) ?? 0;
    const { selector } = value.spec;
    const labels = Object.entries(selector ?? {});
    const behind = context.pods.filter(
      (pod) =>
        labels.length > 0 && pod.namespace === namespace && labels.every(([key, label]) => pod.labels[key] === label),
    );
    if (value.spec.type === "ExternalName" || labels.length === 0)
      context.notes.push(`${object}: has no selector; nothing is behind its name in a lab`);
    else if (behind.length === 0) context.notes.push(`${object}: no Pod of the lab has the labels of its selector`);
    const ports = (value.spec.ports ?? []).flatMap((port): ServicePortSpec[] => {
      if (port.protocol !== undefined && port.protocol !== "TCP") {
        context.notes.push(`${object}: port ${port.port} is ${port.protocol}; a lab forwards TCP`);
        return [];
      }
      const target = port.targetPort ?? port.port;
      const backends = behind.flatMap((pod) => {
        const number = typeof target === "number" ? target : context.namedPorts.get(pod.name)?.get(target);
        return number === undefined ? [] : [{ pod: pod.name, port: number }];
      });
      if (behind.length > 0 && backends.length === 0)
        context.notes.push(`${object}: no container of its Pods names the port ${target}`);
      return [{ port: port.port, backends, ...(port.nodePort === undefined ? {} : { nodePort: port.nodePort }) }];
    });
    return { name: `${namespace}/${name}`, address: hostOf(subnet, number).split("/")[0] ?? "", ports };
  });
}

/** Every name under which a Pod of a namespace knows a Service. */
export function serviceNames(service: ServiceSpec, podNamespace: string): string[] {
  const [namespace = "", name = ""] = service.name.split("/");
  const long = [`${name}.${namespace}.svc.cluster.local`, `${name}.${namespace}.svc`, `${name}.${namespace}`];
  return namespace === podNamespace ? [...long, name] : long;
}
