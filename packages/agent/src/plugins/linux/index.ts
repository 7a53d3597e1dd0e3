import type { Interface, RuleChain } from "@nsmkit/api/linux";
import { linuxRuleChainModel } from "@nsmkit/api/model";
import { type Clock, type Closable, type Logger, silentLogger, systemClock, type Timer } from "@nsmkit/core";
import type { Netlink } from "@nsmkit/netlink";
import type { Descriptor, Scheduler } from "@nsmkit/scheduler";
import type { Item } from "../../northbound/item.ts";
import type { Check } from "../../northbound/northbound.ts";
import { AllocationTable, createNetallocDescriptor } from "../netalloc/netalloc.ts";
import { createArpDescriptor } from "./arp.ts";
import { checkLinkNames, checkRuleChains } from "./checks.ts";
import { type InterfaceIndex, interfaceDescriptorName, type LinuxContext, type VppTaps } from "./context.ts";
import { DriftWatch } from "./drift/drift-watch.ts";
import { createHostLinkDescriptors } from "./host-link.ts";
import { createInterfaceDescriptor } from "./interface.ts";
import { createInterfaceAddressDescriptor } from "./interface-address.ts";
import { createInterfaceStateDescriptor } from "./interface-state.ts";
import { InterfaceStates } from "./interface-states.ts";
import { createInterfaceVrfDescriptor } from "./interface-vrf.ts";
import { microserviceKey } from "./keys.ts";
import { LinkMonitor } from "./link-monitor.ts";
import { LinkRemover } from "./link-remover.ts";
import { createLinkKinds } from "./links/index.ts";
import { Mark } from "./mark.ts";
import { createMicroserviceDescriptor, ownMicroservice } from "./microservice.ts";
import { type MicroserviceResolver, NamespaceTable } from "./namespaces.ts";
import { createRouteDescriptor } from "./route.ts";
import { removeForgottenChains } from "./rulechain/forgotten.ts";
import { type Iptables, systemIptables } from "./rulechain/iptables.ts";
import { RuleMark } from "./rulechain/rule.ts";
import { createRuleChainDescriptor } from "./rulechain/rulechain.ts";

export interface LinuxPluginOptions {
  readonly netlink: Netlink;
  readonly scheduler: Scheduler;
  /** MICROSERVICE_LABEL: the owner in all marks. */
  readonly label: string;
  /** The declaration of an interface by logical name, whether configured or not. */
  readonly desired: (name: string) => Interface | undefined;
  readonly logger?: Logger;
  /** Default: only the agent's own label is known. */
  readonly microservices?: MicroserviceResolver & { readonly labels?: readonly string[] };
  readonly iptables?: Iptables;
  readonly vppTaps?: VppTaps;
  /** Default "/run/netns". */
  readonly namespaceDirectory?: string;
  readonly clock?: Clock;
  /** What is declared now. With it, what somebody else removes is put back, and rules of an earlier life are removed. */
  readonly declared?: () => Iterable<Item>;
}

/** An agent has better things to do in its first seconds than to look for rules of an earlier life. */
const forgottenAfterMs = 3_000;

export interface LinuxPlugin extends Closable {
  readonly descriptors: readonly Descriptor[];
  readonly checks: readonly Check[];
  readonly interfaces: () => InterfaceIndex;
  readonly context: LinuxContext;
  /** Begins to follow the links of the agent's namespace. Resolves when those that exist are known to the scheduler. */
  start(): Promise<void>;
}

/** The Linux models (interfaces, l3, iptables) and netalloc, on netlink. */
export function createLinuxPlugin(options: LinuxPluginOptions): LinuxPlugin {
  const { netlink, label, scheduler, logger = silentLogger } = options;
  const microservices = options.microservices ?? ownMicroservice(label);
  const namespaces = new NamespaceTable({
    netlink,
    logger,
    microservices,
    ...(options.namespaceDirectory ? { directory: options.namespaceDirectory } : {}),
  });
  const context: LinuxContext = {
    netlink,
    namespaces,
    mark: new Mark(label),
    remover: new LinkRemover(),
    states: new InterfaceStates(options.clock ?? systemClock, (name) => options.desired(name)?.type),
    allocations: new AllocationTable(() => scheduler),
    logger,
    scheduler: () => scheduler,
    interfaces: () => scheduler.metadata(interfaceDescriptorName) as InterfaceIndex,
    desired: options.desired,
    ...(options.vppTaps ? { vppTaps: options.vppTaps } : {}),
  };
  const { declared, clock = systemClock } = options;
  const drift = declared && new DriftWatch({ context, clock, declared });
  const own = new LinkMonitor(context, namespaces.own, drift);
  const others = new Set<LinkMonitor>();
  namespaces.onOpen = (namespace) => {
    const monitor = new LinkMonitor(context, namespace, drift);
    others.add(monitor);
    monitor
      .start()
      .catch((error: unknown) =>
        logger.error("links of a namespace cannot be followed", { namespace: namespace.netns.label, error }),
      );
    return () => {
      others.delete(monitor);
      return monitor.close();
    };
  };
  const iptables = options.iptables ?? systemIptables();
  const mark = new RuleMark(label);
  let forgotten: Timer | undefined;
  let cleaning: Promise<void> | undefined;
  const clean = (): void => {
    const chains = [...(declared?.() ?? [])].filter(({ model }) => model === linuxRuleChainModel);
    const names = new Set(chains.map(({ value }) => mark.spelled((value as RuleChain).name)));
    cleaning = removeForgottenChains(context, iptables, mark, (name) => names.has(name));
  };
  const close = async (): Promise<void> => {
    forgotten?.cancel();
    await cleaning;
    await drift?.close();
    await own.close();
    await Promise.all([...others].map((monitor) => monitor.close()));
    await namespaces.close();
  };
  return {
    context,
    interfaces: context.interfaces,
    descriptors: [
      createNetallocDescriptor(),
      createMicroserviceDescriptor(),
      ...createHostLinkDescriptors(),
      createInterfaceDescriptor(context, createLinkKinds(context)),
      createInterfaceStateDescriptor(context),
      createInterfaceAddressDescriptor(context),
      createInterfaceVrfDescriptor(context),
      createRouteDescriptor(context),
      createArpDescriptor(context),
      createRuleChainDescriptor(context, iptables, mark),
    ] as readonly Descriptor[],
    checks: [checkLinkNames, checkRuleChains],
    async start() {
      for (const known of microservices.labels ?? []) scheduler.notify({ key: microserviceKey(known), value: {} });
      await own.start();
      if (declared) forgotten = clock.after(forgottenAfterMs, clean);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
