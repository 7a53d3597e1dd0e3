// What programs that talk to an API server have in common; loads no HTTP.
export { checkWebhookUrl, clusterSettings } from "./settings.ts";
