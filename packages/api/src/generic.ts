// The generic manager and the description of models: package ligato.generic, and the field options of package ligato.
export type {
  LigatoOptions,
  LigatoOptions_IntRange,
} from "./gen/ligato/annotations_pb.js";
export {
  LigatoOptions_IntRangeSchema,
  LigatoOptions_Type,
  LigatoOptions_TypeSchema,
  LigatoOptionsSchema,
  ligato_options,
} from "./gen/ligato/annotations_pb.js";
export type {
  ConfigItem,
  Data,
  DumpStateRequest,
  DumpStateResponse,
  GetConfigRequest,
  GetConfigResponse,
  Item,
  Item_ID,
  ItemStatus,
  Notification,
  SetConfigRequest,
  SetConfigResponse,
  StateItem,
  SubscribeRequest,
  SubscribeResponse,
  Subscription,
  UpdateItem,
  UpdateResult,
} from "./gen/ligato/generic/manager_pb.js";
export {
  ConfigItemSchema,
  DataSchema,
  DumpStateRequestSchema,
  DumpStateResponseSchema,
  GetConfigRequestSchema,
  GetConfigResponseSchema,
  Item_IDSchema,
  ItemSchema,
  ItemStatusSchema,
  ManagerService,
  NotificationSchema,
  SetConfigRequestSchema,
  SetConfigResponseSchema,
  StateItemSchema,
  SubscribeRequestSchema,
  SubscribeResponseSchema,
  SubscriptionSchema,
  UpdateItemSchema,
  UpdateResult_Operation,
  UpdateResult_OperationSchema,
  UpdateResultSchema,
} from "./gen/ligato/generic/manager_pb.js";
export type {
  KnownModelsRequest,
  KnownModelsResponse,
  ProtoFileDescriptorRequest,
  ProtoFileDescriptorResponse,
} from "./gen/ligato/generic/meta_pb.js";
export {
  KnownModelsRequestSchema,
  KnownModelsResponseSchema,
  MetaService,
  ProtoFileDescriptorRequestSchema,
  ProtoFileDescriptorResponseSchema,
} from "./gen/ligato/generic/meta_pb.js";
export type {
  ModelDetail,
  ModelDetail_Option,
  ModelSpec,
} from "./gen/ligato/generic/model_pb.js";
export {
  ModelDetail_OptionSchema,
  ModelDetailSchema,
  ModelSpecSchema,
} from "./gen/ligato/generic/model_pb.js";
export {
  model,
  model_name_template,
} from "./gen/ligato/generic/options_pb.js";
