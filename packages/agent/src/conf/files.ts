import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { createSecureContext } from "node:tls";
import { CodedError } from "@nsmkit/core";
import type { Conf } from "./conf.ts";

/** PEM texts of a server with TLS; with `clientCas` only clients with a certificate of theirs are served. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
  readonly clientCas?: readonly string[];
}

/** Settings that name the files of a server's TLS. */
export interface TlsNames {
  readonly cert: string;
  readonly key: string;
  readonly clientCas: string;
}

/** A path in a file of settings: relative ones begin at the directory of such files. */
export function within(directory: string, path: string): string {
  return isAbsolute(path) ? path : join(directory, path);
}

/**
 * Reads certificate, key and authorities.
 * @returns undefined when neither certificate nor key is named
 * @throws CodedError INVALID_CONFIG naming file, setting and what is wrong with the PEM file
 */
export async function readTls(conf: Conf, names: TlsNames, directory: string): Promise<ServerTls | undefined> {
  const cert = conf.text(names.cert) || undefined;
  const key = conf.text(names.key) || undefined;
  const authorities = conf.texts(names.clientCas) ?? [];
  if ((cert === undefined) !== (key === undefined))
    throw new CodedError("INVALID_CONFIG", `${conf.path}: "${names.cert}" and "${names.key}" go together; give both`);
  if (cert === undefined || key === undefined) {
    if (authorities.length > 0)
      throw new CodedError(
        "INVALID_CONFIG",
        `${conf.path}: "${names.clientCas}" needs "${names.cert}" and "${names.key}"; give them, or clients are not checked`,
      );
    return undefined;
  }
  const tls = { cert: await text(conf, names.cert, cert, directory), key: await text(conf, names.key, key, directory) };
  try {
    createSecureContext(tls);
  } catch (cause) {
    const why = (cause as Error).message;
    throw new CodedError("INVALID_CONFIG", `${conf.path}: ${cert} and ${key} are no certificate with its key: ${why}`, {
      cause,
    });
  }
  if (authorities.length === 0) return tls;
  return {
    ...tls,
    clientCas: await Promise.all(authorities.map((path) => authority(conf, names.clientCas, path, directory))),
  };
}

async function authority(conf: Conf, name: string, path: string, directory: string): Promise<string> {
  const pem = await text(conf, name, path, directory);
  try {
    new X509Certificate(pem);
  } catch (cause) {
    throw new CodedError("INVALID_CONFIG", `${conf.path}: "${name}": ${path} holds no certificate in PEM form`, {
      cause,
    });
  }
  return pem;
}

async function text(conf: Conf, name: string, path: string, directory: string): Promise<string> {
  try {
    return await readFile(within(directory, path), "utf8");
  } catch (cause) {
    throw new CodedError(
      "INVALID_CONFIG",
      `${conf.path}: "${name}": ${path} cannot be read: ${(cause as Error).message}`,
      {
        cause,
      },
    );
  }
}
