import { z } from "zod";
import { fields, text, textMap, unused } from "../schema.ts";
import { metadata } from "./metadata.ts";

const portNumber = z.int().min(1).max(65_535);

const servicePort = fields({
  name: text.optional(),
  port: portNumber,
  targetPort: z.union([portNumber, text]).optional(),
  nodePort: portNumber.optional(),
  protocol: z.enum(["TCP", "UDP", "SCTP"]).optional(),
  ...unused(["appProtocol"]),
});

export const service = fields({
  apiVersion: z.literal("v1"),
  kind: z.literal("Service"),
  metadata,
  spec: fields({
    type: z.enum(["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"]).optional(),
    selector: textMap.nullish(),
    ports: z.array(servicePort).nullish(),
    ...unused([
      "allocateLoadBalancerNodePorts",
      "clusterIP",
      "clusterIPs",
      "externalIPs",
      "externalName",
      "externalTrafficPolicy",
      "healthCheckNodePort",
      "internalTrafficPolicy",
      "ipFamilies",
      "ipFamilyPolicy",
      "loadBalancerClass",
      "loadBalancerIP",
      "loadBalancerSourceRanges",
      "publishNotReadyAddresses",
      "sessionAffinity",
      "sessionAffinityConfig",
      "trafficDistribution",
    ]),
  }),
  ...unused(["status"]),
});

export type Service = z.output<typeof service>;
