export type {
  CallObserver,
  CallOptions,
  CallResult,
  Channel,
  ClientTls,
  Dial,
  DialOptions,
  FileTransceiver,
  Identity,
  Listen,
  ListenOptions,
  Metadata,
  Peer,
  ReceivedFile,
  Server,
  ServerCall,
  ServerTls,
  ServiceBinding,
  ServiceHandlers,
  TlsSource,
} from "./api.ts";
export { dial } from "./client/channel.ts";
export { type ChannelLease, type ChannelPool, type ChannelPoolOptions, channelPool } from "./client/pool.ts";
export { inodeUrl } from "./inode.ts";
export { listen } from "./server/listen.ts";
export { reflectionServices } from "./server/reflection.ts";
export { bindService } from "./server/service.ts";
export type { GrpcStatusName } from "./status.ts";
export { formatTarget, parseTarget, type Target } from "./target.ts";
