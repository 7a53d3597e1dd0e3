import { CodedError } from "@nsmkit/core";
import { parseDuration, ValueError } from "@nsmkit/core/config";
import { type Command, Option } from "commander";

/** Where an agent is and how to speak to it, as the command line and the environment say. */
export interface TargetOptions {
  readonly host: string;
  readonly httpPort: number;
  readonly grpcPort: number;
  readonly etcdEndpoints: readonly string[];
  /** Whether somebody named them. */
  readonly etcdGiven: boolean;
  /** Microservice label. */
  readonly label?: string;
  /** "user:password" */
  readonly httpBasicAuth?: string;
  readonly tls?: TlsOptions;
  /** Bound of one request, ms. */
  readonly timeoutMs: number;
  /** A Pod of a lab, in place of host and etcd endpoints. */
  readonly lab?: { readonly name?: string; readonly pod?: string };
}

export interface TlsOptions {
  readonly skipVerify: boolean;
  /** Paths of PEM files. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** What is given on the command line; defaults are not in it, so that a word after the command wins over one before. */
interface Given {
  readonly host?: string;
  readonly serviceLabel?: string;
  readonly grpcPort?: string;
  readonly httpPort?: string;
  readonly etcdEndpoints?: string;
  readonly httpBasicAuth?: string;
  readonly tls?: true;
  readonly insecureTls?: true;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly timeout?: string;
  readonly lab?: string;
  readonly pod?: string;
}

const options = (): Option[] => [
  new Option("-H, --host <address>", "address of the agent (env AGENT_HOST; default 127.0.0.1)"),
  new Option("--service-label <label>", "microservice label of the agent (env MICROSERVICE_LABEL)"),
  new Option("--http-port <port>", "port of its HTTP server (default 9191)"),
  new Option("--grpc-port <port>", "port of its gRPC server (default 9111)"),
  new Option("-e, --etcd-endpoints <list>", "endpoints of its etcd (env ETCD_ENDPOINTS; default 127.0.0.1:2379)"),
  new Option("--http-basic-auth <user:password>", "for HTTP (env AGENTCTL_HTTP_BASIC_AUTH)"),
  new Option("--tls", "speak TLS to HTTP, gRPC and etcd"),
  new Option("--insecure-tls", "speak TLS and take any certificate"),
  new Option("--tls-ca <file>", "authorities that certificates must come from, PEM (default: those of the system)"),
  new Option("--tls-cert <file>", "our certificate, PEM"),
  new Option("--tls-key <file>", "its key, PEM"),
  new Option("--timeout <duration>", "bound of one request (default 30s)"),
  new Option("--lab <name>", "reach the agent inside this lab"),
  new Option("--pod <name>", "Pod of the lab (default: the one whose agent has --service-label)"),
];

/** Adds the options; where `hidden`, only so that they are understood after the command too. */
export function addTargetOptions(command: Command, hidden: boolean): void {
  for (const option of options()) command.addOption(hidden ? option.hideHelp() : option);
}

/** @throws CodedError INVALID_ARGUMENT naming option and value */
export function readTargetOptions(command: Command, env: NodeJS.ProcessEnv): TargetOptions {
  const given: Given = {};
  for (let at: Command | null = command; at; at = at.parent)
    for (const [name, value] of Object.entries(at.opts()))
      if (!(name in given)) Object.assign(given, { [name]: value });
  const label = given.serviceLabel || env.MICROSERVICE_LABEL;
  const auth = given.httpBasicAuth || env.AGENTCTL_HTTP_BASIC_AUTH;
  if (auth !== undefined && !/^[^:]+:/.test(auth))
    throw new CodedError("INVALID_ARGUMENT", "--http-basic-auth has no colon; write user:password");
  const inLab = given.lab !== undefined || given.pod !== undefined;
  const named = given.etcdEndpoints || env.ETCD_ENDPOINTS;
  const endpoints = (named || "127.0.0.1:2379").split(",").map((one) => one.trim());
  return {
    host: given.host || env.AGENT_HOST || "127.0.0.1",
    httpPort: port("--http-port", given.httpPort, 9191),
    grpcPort: port("--grpc-port", given.grpcPort, 9111),
    etcdEndpoints: endpoints.filter((one) => one !== ""),
    etcdGiven: Boolean(named),
    ...(label ? { label } : {}),
    ...(auth ? { httpBasicAuth: auth } : {}),
    ...tlsOf(given),
    timeoutMs: durationOf("--timeout", given.timeout ?? "30s"),
    ...(inLab ? { lab: { ...(given.lab ? { name: given.lab } : {}), ...(given.pod ? { pod: given.pod } : {}) } } : {}),
  };
}

function tlsOf(given: Given): { tls?: TlsOptions } {
  const { tlsCa, tlsCert, tlsKey } = given;
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw new CodedError("INVALID_ARGUMENT", "--tls-cert and --tls-key go together; give both");
  if (!given.tls && !given.insecureTls && tlsCa === undefined && tlsCert === undefined) return {};
  return {
    tls: {
      skipVerify: given.insecureTls ?? false,
      ...(tlsCa === undefined ? {} : { ca: tlsCa }),
      ...(tlsCert === undefined ? {} : { cert: tlsCert }),
      ...(tlsKey === undefined ? {} : { key: tlsKey }),
    },
  };
}

function port(option: string, text: string | undefined, standard: number): number {
  if (text === undefined) return standard;
  const value = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > 65_535)
    throw new CodedError("INVALID_ARGUMENT", `${option} is ${JSON.stringify(text)}; write a port from 1 to 65535`);
  return value;
}

export function durationOf(option: string, text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    if (!(error instanceof ValueError)) throw error;
    throw new CodedError("INVALID_ARGUMENT", `${option} is ${JSON.stringify(text)}: ${error.message}; ${error.remedy}`);
  }
}
