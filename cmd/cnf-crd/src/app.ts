import { randomUUID } from "node:crypto";
import { readUnknownModels } from "@nsmkit/agent/cnf-configuration";
import type { Etcd } from "@nsmkit/agent/etcd";
import { allModels } from "@nsmkit/api/model/vpp";
import { type Clock, type Closable, CodedError, type Logger, messageOf, retry, systemClock } from "@nsmkit/core";
import { parseListenAddress } from "@nsmkit/core/config";
import { type Client, Informer, LeaderElection } from "@nsmkit/kube";
import { serveAdmission } from "@nsmkit/kube/admission";
import { collectDefaultMetrics } from "prom-client";
import { admissionDoor } from "./admission/door.ts";
import { path, reviewer } from "./admission/review.ts";
import { Claims } from "./declared/claims.ts";
import { Declarations } from "./declared/declarations.ts";
import { cnfConfigurations, slim } from "./declared/resource.ts";
import { definitionServed, installDefinition } from "./definition.ts";
import { leadStore } from "./lead.ts";
import { CnfCrdMetrics } from "./metrics.ts";
import { serveProbes } from "./serve/probes.ts";
import { type CnfCrdConfig, name } from "./settings.ts";

export interface CnfCrdDeps {
  readonly client: Client;
  readonly etcd: Etcd;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** Default one of its own. */
  readonly metrics?: CnfCrdMetrics;
}

export interface RunningCnfCrd extends Closable {
  /** Of the probes and metrics. */
  readonly port: number;
  /** Of the admission webhook. */
  readonly webhookPort: number;
  readonly leading: boolean;
  readonly metrics: CnfCrdMetrics;
  /** Rejects when it cannot go on; resolves when it was closed. */
  readonly done: Promise<void>;
}

/**
 * Starts a controller. Every replica watches the resources and answers the webhook; the elected one installs the
 * definition, keeps the certificate, and alone writes to etcd and to the status of resources.
 */
export async function createCnfCrd(config: CnfCrdConfig, deps: CnfCrdDeps): Promise<RunningCnfCrd> {
  const { client, etcd, logger } = deps;
  const clock = deps.clock ?? systemClock;
  const metrics = deps.metrics ?? new CnfCrdMetrics();
  collectDefaultMetrics({ register: metrics.registry });
  await using opened = new AsyncDisposableStack();
  const stop = new AbortController();
  const { signal } = stop;
  const models = allModels;
  const declarations = new Declarations({ models, unknownModels: readUnknownModels(config.unknownModels.join(",")) });
  const informer = opened.use(new Informer({ client, resource: cnfConfigurations, transform: slim, clock, logger }));
  const claims = new Claims(informer, declarations);
  declarations.known = () => informer.list().length;

  const progress = { leading: false, watching: false };
  const ready = (): { ok: boolean; reason: string } => {
    if (!progress.watching) return { ok: false, reason: "waiting for the CNFConfigurations" };
    return { ok: true, reason: progress.leading ? "leading" : "standing by" };
  };
  const probes = opened.use(
    await serveProbes({ ...parseListenAddress(config.listenOn), registry: metrics.registry, ready }),
  );
  const admission = opened.use(
    await serveAdmission({
      ...parseListenAddress(config.webhookListenOn),
      webhooks: { [path]: reviewer(declarations, claims) },
      ...{ logger, metrics: metrics.kube.webhooks },
    }),
  );
  const namespace = config.namespace ?? "default";
  const door = admissionDoor({
    ...{
      client,
      server: admission,
      leads: () => progress.leading && progress.watching,
      clock,
      logger,
      metrics: metrics.kube,
    },
    place: {
      ...{ namespace, port: admission.port },
      ...(config.webhookUrl === undefined ? {} : { url: config.webhookUrl }),
    },
  });
  const watching = definitionServed(client, { clock, logger, signal }).then(async () => {
    informer.start();
    await informer.synced({ signal });
    progress.watching = true;
    door.wake();
  });
  watching.catch(() => {});

  const identity = `${config.podName}_${randomUUID()}`;
  const lease = { namespace, name };
  const election = new LeaderElection({ client, identity, ...lease, clock, logger, metrics: metrics.kube });
  const lead = async (call: { signal: AbortSignal }): Promise<void> => {
    progress.leading = true;
    try {
      await retry(() => installDefinition(client, { logger, signal: call.signal }), {
        ...{ clock, signal: call.signal, maxMs: 5_000, shouldRetry: () => true },
        onRetry: (error) =>
          logger.warn("the definition could not be applied, trying again", { reason: messageOf(error) }),
      });
      await watching;
      door.wake();
      await leadStore({
        ...{ client, etcd, informer, declarations, claims, models, clock, logger, metrics, identity, lease },
        signal: call.signal,
      });
    } catch (error) {
      if (!call.signal.aborted) throw error;
    } finally {
      progress.leading = false;
    }
  };
  const done = election.run(lead, { signal }).then((end) => {
    if (end === "lost" && !signal.aborted)
      throw new CodedError("ABORTED", "the Lease was lost: another controller leads");
  });
  const finished = done.catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
  finished.catch((error: unknown) => logger.error("the controller stops", { reason: messageOf(error) }));
  const keeping = door.run({ signal });
  const running = opened.move();
  const close = async (): Promise<void> => {
    stop.abort();
    await finished.catch(() => {});
    await keeping;
    await watching.catch(() => {});
    await running.disposeAsync();
  };
  return {
    port: probes.port,
    webhookPort: admission.port,
    get leading() {
      return progress.leading;
    },
    metrics,
    done: finished,
    close,
    [Symbol.asyncDispose]: close,
  };
}
