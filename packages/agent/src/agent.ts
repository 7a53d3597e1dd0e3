import { isMessage, type Message, toJson } from "@bufbuild/protobuf";
import type { Interface } from "@nsmkit/api/linux";
import { knownModels, type ModelRegistry } from "@nsmkit/api/model";
import { type Clock, type Closable, closeAll, type Logger, silentLogger, systemClock } from "@nsmkit/core";
import type { Netlink } from "@nsmkit/netlink";
import { createScheduler, type Descriptor, type Scheduler, type SchedulerOptions } from "@nsmkit/scheduler";
import { descriptorCheck } from "./northbound/descriptor-check.ts";
import { FileSource } from "./northbound/files/file-source.ts";
import { type Check, Northbound } from "./northbound/northbound.ts";
import type { AgentSource, SourceCore } from "./northbound/source.ts";
import type { Change } from "./northbound/store.ts";
import { OperationStats } from "./operation-stats.ts";
import { createLinuxPlugin, type LinuxPlugin } from "./plugins/linux/index.ts";
import { interfaceKey } from "./plugins/linux/keys.ts";
import { type Iptables, systemIptables } from "./plugins/linux/rulechain/iptables.ts";
import type { PartStatus } from "./probe.ts";

/** A part of the agent that brings models of its own. */
export interface AgentPlugin extends Closable {
  readonly descriptors: readonly Descriptor[];
  readonly checks?: readonly Check[];
}

export interface AgentOptions {
  /** MICROSERVICE_LABEL: which declarations are ours, and the owner in all marks. */
  readonly label: string;
  /** The agent does not close it. */
  readonly netlink: Netlink;
  readonly files?: { readonly initial?: readonly string[]; readonly paths?: readonly string[] };
  readonly plugins?: readonly ((core: AgentCore) => AgentPlugin)[];
  /** Where declarations come from besides files. */
  readonly sources?: readonly ((core: SourceCore) => AgentSource)[];
  readonly models?: ModelRegistry;
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly iptables?: Iptables;
  /** Environment of the programs that are run (iptables); default a plain PATH. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Default "/run/netns". */
  readonly namespaceDirectory?: string;
  /** What the scheduler keeps and plans. */
  readonly scheduler?: Pick<SchedulerOptions, "history" | "simulate">;
}

/** What plugins build upon. */
export interface AgentCore {
  readonly label: string;
  readonly scheduler: Scheduler;
  readonly northbound: Northbound;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Declared configuration on its way to the system, in one process. */
export interface Agent extends Closable, AgentCore {
  readonly models: ModelRegistry;
  /** What the configurator was asked for. */
  readonly operations: OperationStats;
  readonly linux: LinuxPlugin;
  readonly files: FileSource;
  /** Sources beside files. */
  readonly sources: readonly AgentSource[];
  /**
   * Takes up what exists in the system, applies what files declare, and begins to follow both. Resolves as soon as
   * work has begun; what waits for something shows in the status of its value.
   */
  start(): Promise<void>;
  /** How the parts are, for probes. */
  parts(): Readonly<Record<string, PartStatus>>;
}

/** Puts the parts of an agent together; nothing runs before `start`. */
export function createAgent(options: AgentOptions): Agent {
  const { label, logger = silentLogger, clock = systemClock, models = knownModels } = options;
  const scheduler = createScheduler({
    ...options.scheduler,
    logger: logger.child({ component: "scheduler" }),
    clock,
    describeValue: (value) => describe(models, value),
  });
  const checks: Check[] = [];
  const northbound = new Northbound({ scheduler, checks, logger: logger.child({ component: "northbound" }) });
  const core: AgentCore = { label, scheduler, northbound, logger, clock };
  const linux = createLinuxPlugin({
    netlink: options.netlink,
    scheduler,
    label,
    logger: logger.child({ component: "linux" }),
    desired: (name) => northbound.store.merged.get(interfaceKey(name))?.value as Interface | undefined,
    clock,
    declared: () => northbound.store.merged.values(),
    iptables: options.iptables ?? systemIptables(options.environment ? { environment: options.environment } : {}),
    ...(options.namespaceDirectory ? { namespaceDirectory: options.namespaceDirectory } : {}),
  });
  const plugins = (options.plugins ?? []).map((make) => make(core));
  const descriptors = [...linux.descriptors, ...plugins.flatMap((plugin) => plugin.descriptors)];
  scheduler.register(...descriptors);
  checks.push(descriptorCheck(descriptors), ...linux.checks, ...plugins.flatMap((plugin) => plugin.checks ?? []));
  const files = new FileSource(northbound, {
    paths: options.files?.paths ?? [],
    initial: options.files?.initial ?? [],
    models,
    label,
    clock,
    logger: logger.child({ component: "files" }),
  });

  const sources = (options.sources ?? []).map((make) => make({ ...core, models }));

  let started = false;
  const close = async (): Promise<void> => {
    await closeAll([files, ...sources]);
    // The scheduler ends first: what the others take down now is not to be put up again.
    await closeAll([linux, ...plugins, scheduler]);
  };
  return {
    ...core,
    models,
    operations: new OperationStats(clock),
    linux,
    files,
    sources,
    async start() {
      const loaded = await loadAll(files, sources, linux.start());
      const missing = new Set(loaded.flatMap(({ source, complete }) => (complete ? [] : [source])));
      // Where a file is broken, what it said before is not known: nothing is taken down on its account.
      northbound.apply(
        loaded.flatMap(({ changes }) => changes),
        missing.size === 0 ? { resync: true, description: "start" } : { description: "start" },
      );
      files.start();
      for (const source of sources)
        source.start({
          completes: () => missing.delete(source.name) && missing.size === 0,
        });
      started = true;
    },
    parts() {
      const running: PartStatus = { state: started ? "OK" : "INIT" };
      const broken = files.status.flatMap(({ error }) => error ?? []);
      return {
        kvscheduler: running,
        linux: running,
        ...Object.fromEntries(sources.map((source) => [source.name, source.status()])),
        files: broken.length > 0 ? { state: "ERROR", error: broken.join("\n") } : running,
      };
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

interface LoadedSource {
  readonly source: string;
  readonly changes: readonly Change[];
  readonly complete: boolean;
}

/** All at the same time, but each checked together with those before it. */
async function loadAll(
  files: FileSource,
  sources: readonly AgentSource[],
  ready: Promise<void>,
): Promise<LoadedSource[]> {
  const loading: Promise<LoadedSource>[] = [files.load().then((loaded) => ({ source: "files", ...loaded }))];
  for (const source of sources) {
    const before = Promise.all(loading).then((loaded) => loaded.flatMap(({ changes }) => changes));
    // A source may fail before it asks for them.
    before.catch(() => {});
    loading.push(source.load(before).then((loaded) => ({ source: source.name, ...loaded })));
  }
  const [loaded] = await Promise.all([Promise.all(loading), ready]);
  return loaded;
}

/** Values as the original records them (ligato/vpp-agent plugins/kvscheduler/internal/utils): strict JSON with the message's name. */
function describe(models: ModelRegistry, value: unknown): unknown {
  if (!isMessage(value)) return value;
  const name = (value as Message).$typeName;
  const model = models.modelOfMessage(name);
  if (!model) return value;
  return { ProtoMsgName: name, ProtoMsgData: toJson(model.schema, value as never, { useProtoFieldName: true }) };
}
