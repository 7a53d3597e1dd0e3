import { addressesContract } from "./addresses.ts";
import { batchesContract } from "./batches.ts";
import type { ContractCase } from "./case.ts";
import { deletionContract } from "./deletion.ts";
import { linksContract } from "./links.ts";
import { monitorsContract } from "./monitors.ts";
import { namespacesContract } from "./namespaces.ts";
import { pingsContract } from "./pings.ts";
import { routesContract } from "./routes.ts";

export { type ContractCase, inWorld, nextEvent, rejectsWith, type World } from "./case.ts";

/** See `case.ts`. */
export const netlinkContract: readonly ContractCase[] = [
  ...linksContract,
  ...deletionContract,
  ...batchesContract,
  ...addressesContract,
  ...routesContract,
  ...namespacesContract,
  ...monitorsContract,
  ...pingsContract,
];
