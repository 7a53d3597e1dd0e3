// One message for all configuration of an agent, and the services that take it: package ligato.configurator.

export type {
  Config,
  DeleteRequest,
  DeleteResponse,
  DumpRequest,
  DumpResponse,
  GetRequest,
  GetResponse,
  Notification,
  NotifyRequest,
  NotifyResponse,
  UpdateRequest,
  UpdateResponse,
} from "./gen/ligato/configurator/configurator_pb.js";
export {
  ConfigSchema,
  ConfiguratorService,
  DeleteRequestSchema,
  DeleteResponseSchema,
  DumpRequestSchema,
  DumpResponseSchema,
  GetRequestSchema,
  GetResponseSchema,
  NotificationSchema,
  NotifyRequestSchema,
  NotifyResponseSchema,
  UpdateRequestSchema,
  UpdateResponseSchema,
} from "./gen/ligato/configurator/configurator_pb.js";
export type { PollStatsRequest, PollStatsResponse, Stats } from "./gen/ligato/configurator/statspoller_pb.js";
export {
  PollStatsRequestSchema,
  PollStatsResponseSchema,
  StatsPollerService,
  StatsSchema,
} from "./gen/ligato/configurator/statspoller_pb.js";
