import { z } from "zod";
import { metadata } from "./kubernetes/metadata.ts";
import { fields, text, textMap, unused } from "./schema.ts";

const payload = z.enum(["IP", "ETHERNET"]);
const common = { kind: z.literal("NetworkService"), metadata, ...unused(["status"]) };

/** What both spellings come to: fields of registry.NetworkService. */
export interface NetworkServiceSpec {
  readonly name: string;
  readonly payload: "IP" | "ETHERNET";
  readonly matches: readonly {
    readonly sourceSelector: Readonly<Record<string, string>>;
    readonly routes: readonly {
      readonly destinationSelector: Readonly<Record<string, string>>;
      readonly weight: number;
    }[];
    readonly fallthrough: boolean;
    /** Labels that the forwarder must have. */
    readonly metadataLabels?: Readonly<Record<string, string>>;
  }[];
}

/** Upstream v1: the registry's message with plain snake_case tags, so other spellings would be lost on a cluster. */
export const networkServiceV1 = fields({
  ...common,
  apiVersion: z.literal("networkservicemesh.io/v1"),
  spec: fields({
    name: text.optional(),
    payload: payload.optional(),
    matches: z
      .array(
        fields({
          source_selector: textMap.nullish(),
          routes: z
            .array(fields({ destination_selector: textMap.nullish(), weight: z.int().min(0).optional() }))
            .nullish(),
          fallthrough: z.boolean().optional(),
          metadata: fields({ labels: textMap.nullish() }).nullish(),
        }),
      )
      .nullish(),
    ...unused(["path_ids"]),
  }).nullish(),
}).transform(
  ({ metadata: { name }, spec }): NetworkServiceSpec => ({
    name: spec?.name || name,
    payload: spec?.payload ?? "IP",
    matches: (spec?.matches ?? []).map((match) => ({
      sourceSelector: match.source_selector ?? {},
      routes: (match.routes ?? []).map((route) => ({
        destinationSelector: route.destination_selector ?? {},
        weight: route.weight ?? 0,
      })),
      fallthrough: match.fallthrough ?? false,
      ...(match.metadata ? { metadataLabels: match.metadata.labels ?? {} } : {}),
    })),
  }),
);

/** NSM v0.2. `match:` and `destination:` stand in published examples as keys without value. */
export const networkServiceLegacy = fields({
  ...common,
  apiVersion: z.literal("networkservicemesh.io/v1alpha1"),
  spec: fields({
    payload: payload.optional(),
    matches: z
      .array(
        fields({
          match: z.null().optional(),
          sourceSelector: textMap.nullish(),
          route: z
            .array(
              fields({
                destination: z.null().optional(),
                destinationSelector: textMap.nullish(),
                weight: z.int().min(0).optional(),
              }),
            )
            .nullish(),
        }),
      )
      .nullish(),
  }).nullish(),
}).transform(
  ({ metadata: { name }, spec }): NetworkServiceSpec => ({
    name,
    payload: spec?.payload ?? "IP",
    matches: (spec?.matches ?? []).map((match) => ({
      sourceSelector: match.sourceSelector ?? {},
      routes: (match.route ?? []).map((route) => ({
        destinationSelector: route.destinationSelector ?? {},
        weight: route.weight ?? 0,
      })),
      fallthrough: false,
    })),
  }),
);
