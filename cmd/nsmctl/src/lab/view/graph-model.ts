import type { ConnectionEnd, LabStatus } from "../supervisor/status-types.ts";

/** An interface of a box. */
export interface GraphPort {
  readonly name: string;
  /** The bridge or VRF that it belongs to. */
  readonly master?: string;
  readonly addresses: readonly string[];
}

/** A Pod, or a node that has a link of its own. */
export interface GraphBox {
  readonly id: string;
  readonly kind: "pod" | "node";
  /** Where the Pod runs. */
  readonly node: string;
  readonly ports: readonly GraphPort[];
}

export interface GraphEnd {
  readonly box: string;
  readonly port: string;
}

export interface GraphEdge {
  readonly from: GraphEnd;
  readonly to: GraphEnd;
  /** Name of the network service, or "" for a link of the Lab document. */
  readonly label: string;
  /** "VXLAN" where the connection crosses nodes. */
  readonly via?: string;
}

export interface Graph {
  readonly boxes: readonly GraphBox[];
  readonly edges: readonly GraphEdge[];
}

/** The topology of a lab: connections of the mesh lead from client to endpoint. */
export function graphOf(status: LabStatus): Graph {
  const boxes: GraphBox[] = status.pods.map((pod) => ({
    id: pod.name,
    kind: "pod",
    node: pod.node,
    ports: pod.interfaces
      .filter((link) => !(pod.hostNetwork && link.name === underlayInterface))
      .map(({ name, addresses, master }) => ({ name, addresses, ...(master === undefined ? {} : { master }) })),
  }));
  const has = (end: GraphEnd): boolean =>
    boxes.some((box) => box.id === end.box && box.ports.some((p) => p.name === end.port));
  const connections = status.connections.flatMap((connection): GraphEdge[] => {
    const [from, to] = [endOf(connection.client), endOf(connection.endpoint)];
    if (!from || !to || !has(from) || !has(to)) return [];
    const via = connection.mechanism === "KERNEL" ? {} : { via: connection.mechanism };
    return [{ from, to, label: connection.networkService, ...via }];
  });
  const links = status.links.map(({ ends }): GraphEdge => {
    const [from, to] = ends.map((end) => ({ box: ownerBox(end, status, boxes), port: end.interface })) as [
      GraphEnd,
      GraphEnd,
    ];
    return { from, to, label: "" };
  });
  const edges = [...connections, ...links];
  return { boxes: boxes.map((box) => ({ ...box, ports: sortPorts(box, edges) })), edges };
}

/** What leads in stands above what leads out; else by name, so that a drawing is the same every time. */
function sortPorts(box: GraphBox, edges: readonly GraphEdge[]): GraphPort[] {
  const leadsIn = (port: GraphPort): boolean => edges.some(({ to }) => to.box === box.id && to.port === port.name);
  return [...box.ports].sort(
    (a, b) => Number(leadsIn(b)) - Number(leadsIn(a)) || a.name.localeCompare(b.name, "en", { numeric: true }),
  );
}

/** A node's place on the underlay, which is not part of a chain. */
const underlayInterface = "eth0";

function endOf(end: ConnectionEnd): GraphEnd | undefined {
  return end.pod !== undefined && end.interface !== undefined ? { box: end.pod, port: end.interface } : undefined;
}

/** A node's link shows at the Pod on its network, if there is one. */
function ownerBox(end: LabStatus["links"][number]["ends"][number], status: LabStatus, boxes: GraphBox[]): string {
  if (end.kind === "pod") return end.name;
  const guest = status.pods.find((pod) => pod.hostNetwork && pod.node === end.name);
  if (guest) return guest.name;
  const id = `node ${end.name}`;
  const existing = boxes.findIndex((box) => box.id === id);
  const port = { name: end.interface, addresses: end.addresses };
  const box = boxes[existing];
  if (box) boxes[existing] = { ...box, ports: [...box.ports, port] };
  else boxes.push({ id, kind: "node", node: end.name, ports: [port] });
  return id;
}
