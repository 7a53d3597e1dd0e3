import type { Netlink } from "@nsmkit/netlink";
import type { ConfigMapSpec, ConfigurationSpec, ServiceSpec } from "../spec/spec.ts";
import type { LabRoot } from "./root-fs.ts";

/** What the parts of a lab share. */
export interface SupervisorContext {
  readonly netlink: Netlink;
  readonly root: LabRoot;
  /** Environment of every program, before its own variables. */
  readonly env: Readonly<Record<string, string>>;
  readonly registryUrl: string;
  readonly configMaps: Map<string, ConfigMapSpec>;
  readonly configurations: Map<string, ConfigurationSpec>;
  /** As declared now; none without a cluster network. */
  readonly services: () => readonly ServiceSpec[];
  /** Called after every change of a program's state. */
  readonly onChange: () => void;
}
