import { randomUUID } from "node:crypto";
import { isCodedError, type Logger } from "@nsmkit/core";
import type { KubeObject } from "@nsmkit/kube";
import type { Admission, AdmissionRequest, Admit } from "@nsmkit/kube/admission";
import type { WebhookConfig } from "../settings.ts";
import { annotationError, devicesOf, parseAnnotation } from "./annotation.ts";
import { makeClients, type SecurityLevel } from "./clients.ts";
import { mapOf, textOf } from "./json.ts";
import type { Namespaces } from "./namespaces.ts";
import { hasClients, podPatch } from "./patch.ts";
import { isMirror, type Target, targetOf } from "./target.ts";

/** What became of a request, for the figures. */
export type Outcome = "injected" | "untouched" | "refused";

export interface MutateOptions {
  readonly config: WebhookConfig;
  readonly namespaces: Pick<Namespaces, "get">;
  readonly logger: Logger;
  readonly onOutcome?: (outcome: Outcome) => void;
  /** Default: a random UUID. */
  readonly newSuffix?: () => string;
}

const untouched: Admission = { allowed: true };

/**
 * Adds clients to what asks for network services by its own annotation, or to a Pod by its namespace's. Everything else
 * is let through as it is; so is a second look at the same object.
 */
export function mutate(options: MutateOptions): Admit {
  const { onOutcome } = options;
  return async (request, call) => {
    const admission = await decide(options, request, call);
    onOutcome?.(admission.allowed ? (admission.patch ? "injected" : "untouched") : "refused");
    return admission;
  };
}

async function decide(
  options: MutateOptions,
  request: AdmissionRequest,
  { signal }: { signal: AbortSignal },
): Promise<Admission> {
  const { config, namespaces } = options;
  const target = targetOf(request, config.annotation);
  if (!target || (!target.isPod && target.annotation === "") || isMirror(target)) return untouched;
  if (hasClients(target, config.servicesVariable)) return untouched;
  if (target.templateAnnotation !== "") return templateDecides(target, config.annotation);
  const namespace = request.namespace === undefined ? undefined : await namespaces.get(request.namespace, { signal });
  const asked = target.annotation || textOf(mapOf(namespace?.metadata.annotations)[config.annotation]).trim();
  if (asked === "") return untouched;
  return target.annotation === ""
    ? injectForNamespace(options, target, asked, namespace)
    : inject(options, target, asked, namespace);
}

/** Each of its Pods will ask for itself. */
function templateDecides(target: Target, annotation: string): Admission {
  if (target.templateAnnotation === target.annotation) return untouched;
  return {
    allowed: true,
    warnings: [`${target.object}: annotation ${annotation} of the Pod template counts, not the one beside it`],
  };
}

/** What a namespace says must not stand in the way of Pods that know nothing of it. */
function injectForNamespace(
  options: MutateOptions,
  target: Target,
  asked: string,
  namespace: KubeObject | undefined,
): Admission {
  const { name = "" } = namespace?.metadata ?? {};
  if (mapOf(target.pod.spec).hostNetwork === true) {
    const warning = `${target.object}: not connected to ${asked}: it is in the node's network; annotate the Pod itself to connect that`;
    return { allowed: true, warnings: [warning] };
  }
  const admission = inject(options, { ...target, object: `Namespace ${name}` }, asked, namespace);
  if (admission.allowed) return admission;
  return { allowed: true, warnings: [`${target.object} is not connected: ${admission.message}`] };
}

function inject(
  { config, logger, newSuffix = randomUUID }: MutateOptions,
  target: Target,
  asked: string,
  namespace: KubeObject | undefined,
): Admission {
  try {
    const devices = devicesOf(parseAnnotation(asked));
    const generated = textOf(mapOf(target.pod.metadata).generateName) !== "";
    const clients = makeClients(config, {
      services: asked,
      devices,
      // A Pod that was given a name may come again under it, while the old one's connections still are. A template must
      // come out the same each time, or every time it is applied its Pods would be replaced.
      ...(target.isPod && !generated && { suffix: newSuffix() }),
      level: levelOf(namespace),
    });
    const patch = podPatch(target, clients, config.labels);
    logger.info("clients added", { object: target.object, services: asked });
    return { allowed: true, patch };
  } catch (error) {
    if (!isCodedError(error, "INVALID_ARGUMENT")) throw error;
    return { allowed: false, message: annotationError(target.object, config.annotation, asked, error) };
  }
}

/** As Kubernetes: what a namespace does not say, or says wrongly, is privileged (k8s.io/pod-security-admission). */
function levelOf(namespace: KubeObject | undefined): SecurityLevel {
  const level = namespace?.metadata.labels?.["pod-security.kubernetes.io/enforce"];
  return level === "baseline" || level === "restricted" ? level : "privileged";
}
