export { type Metrics, openMetrics } from "./metrics.ts";
export { metricsSettings } from "./settings.ts";
