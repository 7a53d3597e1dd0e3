export { type Metrics, openMetrics } from "./metrics.ts";
export { metricsSettings, parseAddress } from "./settings.ts";
