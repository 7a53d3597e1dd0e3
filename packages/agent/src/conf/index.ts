export { Conf, type ConfPlaces, readConf } from "./conf.ts";
export { readTls, type ServerTls, type TlsNames, within } from "./files.ts";
export { type GrpcConf, readGrpcConf } from "./grpc.ts";
export { type HttpConf, readHttpConf } from "./http.ts";
export { readSchedulerConf, type SchedulerConf } from "./kvscheduler.ts";
export { checkLinuxPluginConf, linuxPlugins } from "./linux-plugins.ts";
export { type LogsConf, readLogsConf } from "./logs.ts";
