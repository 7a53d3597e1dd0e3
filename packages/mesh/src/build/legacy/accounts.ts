/** v0.2's names of service accounts; its SPIRE entries select by them. */
export const legacyAccounts = {
  manager: "nsmgr-acc",
  forwarder: "forward-plane-acc",
  endpoint: "nse-acc",
  client: "nsc-acc",
  webhook: (name: string): string => `${name}-acc`,
  tracing: "jaeger-acc",
} as const;
