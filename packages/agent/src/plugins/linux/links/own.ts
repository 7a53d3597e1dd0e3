import type { Interface } from "@nsmkit/api/linux";
import { CodedError, isCodedError } from "@nsmkit/core";
import { type Link, linkAdd, linkGet, type NewLink, type NewLinkCommon } from "@nsmkit/netlink";
import type { LinuxContext } from "../context.ts";
import { hostNameOf, interfaceTitle } from "../interface-check.ts";
import type { OpenNamespace } from "../namespaces.ts";
import type { LinkKind, LinkOptions } from "./kind.ts";

/** What a new link takes from its declaration. */
export function newLinkOf(value: Interface, namespace: OpenNamespace, alias: string): NewLinkCommon {
  return {
    name: hostNameOf(value),
    netns: namespace.netns,
    alias,
    ...(value.physAddress ? { mac: value.physAddress.toLowerCase().replaceAll("-", ":") } : {}),
    ...(value.mtu ? { mtu: value.mtu } : {}),
    ...(value.enabled ? { up: true } : {}),
  };
}

/**
 * Makes a link, or takes over the marked one.
 * @throws CodedError ALREADY_EXISTS when a link of that name is somebody else's, UNSUPPORTED when the kernel lacks the type
 */
export async function makeLink(
  value: Interface,
  namespace: OpenNamespace,
  alias: string,
  link: NewLink,
  options: LinkOptions,
): Promise<Link> {
  const [found] = await namespace.handle.batch([linkGet(link.name)], options);
  if (found.ok) return adopt(found.value, value, alias);
  if (!isCodedError(found.error, "NOT_FOUND")) throw found.error;
  const [made, read] = await namespace.handle.batch([linkAdd(link), linkGet(link.name)], options);
  if (!made.ok) throw explain(made.error, value);
  if (!read.ok) throw read.error;
  return read.value;
}

/** @throws CodedError ALREADY_EXISTS unless the link carries exactly this mark */
export function adopt(link: Link, value: Interface, alias: string): Link {
  if (link.alias === alias) return link;
  throw new CodedError(
    "ALREADY_EXISTS",
    `${interfaceTitle(value.name)}: the link "${link.name}" exists already and is not this agent's` +
      `${link.alias ? ` (alias ${JSON.stringify(link.alias)})` : ""}; choose another host_if_name`,
    { retryable: true },
  );
}

function explain(error: CodedError, value: Interface): CodedError {
  return new CodedError(error.code, `${interfaceTitle(value.name)}: ${error.message}`, {
    cause: error,
    retryable: error.code !== "UNSUPPORTED",
    details: error.details,
  });
}

/** Deletes the link if it carries the mark. */
export function removeOwn(
  context: LinuxContext,
  value: Interface,
  namespace: OpenNamespace,
  alias: string,
): Promise<void> {
  return context.remover.remove(namespace, hostNameOf(value), (mark) => mark === alias);
}

/** A type whose links are made and deleted by a single request. */
export function simpleLink(
  context: LinuxContext,
  defaultMtu: number | undefined,
  toLink: (common: NewLinkCommon, value: Interface) => NewLink,
): LinkKind {
  const alias = (value: Interface): string => context.mark.alias(value.name);
  return {
    ...(defaultMtu === undefined ? {} : { defaultMtu }),
    alias,
    dependencies: () => [],
    create: (value, namespace, options) =>
      makeLink(value, namespace, alias(value), toLink(newLinkOf(value, namespace, alias(value)), value), options),
    delete: (value, namespace) => removeOwn(context, value, namespace, alias(value)),
  };
}
