export { Conf, type ConfPlaces, readConf } from "./conf.ts";
