import { clone, create, equals } from "@bufbuild/protobuf";
import { type DNSConfig, DNSConfigSchema, DNSContextSchema } from "@nsmkit/api/networkservice";
import { connectionOf, contextOf } from "../../core/connection.ts";
import type { NetworkServiceElement } from "../../core/kind.ts";

/** Adds an endpoint's DNS servers and search domains to what the connection has already. */
export function dnsContextServer(configs: readonly DNSConfig[]): NetworkServiceElement {
  return {
    name: "dnscontext",
    role: "server",
    request(ctx, request, next) {
      const context = contextOf(connectionOf(request));
      context.dnsContext ??= create(DNSContextSchema);
      const known = context.dnsContext.configs;
      for (const config of configs)
        if (!known.some((each) => equals(DNSConfigSchema, each, config))) known.push(clone(DNSConfigSchema, config));
      return next.request(ctx, request);
    },
  };
}
