export { openIdentity } from "./identity.ts";
export { meshSettings, placeSettings, upstreamOnly } from "./settings.ts";
