import { type Begin, type BeginOptions, begin } from "../../../chain/index.ts";
import { type NseKind, nseRules } from "../../core/kinds.ts";

/**
 * `begin` for endpoint registrations, by name. A refresh is taken as it came; an unregistration works on what was
 * registered, and one of a name that is not known here goes down all the same, for the store below may know it.
 */
export function beginEndpoints(options?: BeginOptions): Begin<NseKind> {
  return begin<NseKind>(
    {
      requestId: (entry) => entry.name,
      closingId: (entry) => entry.name,
      copyRequest: nseRules.copy,
      copyReply: nseRules.copy,
      closing: (last) => nseRules.copy(last.reply),
      again: (last) => {
        const entry = nseRules.copy(last.request);
        // A registry that has forgotten us shall still know since when we are there.
        if (last.reply.initialRegistrationTime) entry.initialRegistrationTime = last.reply.initialRegistrationTime;
        return entry;
      },
      unknownClose: "pass",
    },
    options,
  );
}
