import type { Interface } from "@nsmkit/api/linux";
import { CodedError, isCodedError, KeyedQueue } from "@nsmkit/core";
import { type Link, linkAdd, linkGet } from "@nsmkit/netlink";
import type { LinuxContext } from "../context.ts";
import { hostNameOf, interfaceTitle } from "../interface-check.ts";
import { interfaceKey } from "../keys.ts";
import type { OpenNamespace } from "../namespaces.ts";
import type { LinkKind, LinkOptions } from "./kind.ts";
import { adopt, newLinkOf, removeOwn } from "./own.ts";

export function peerNameOf(value: Interface): string {
  return value.link.case === "veth" ? value.link.value.peerIfName : "";
}

/**
 * One end of a veth pair. Both ends must be declared and each depends on the other; the first whose turn it is makes
 * the whole pair, each end directly in its namespace under its final name, and the second finds its end there.
 */
export function vethLink(context: LinuxContext): LinkKind {
  const pairs = new KeyedQueue<string>();
  const alias = (value: Interface): string => context.mark.alias(value.name, peerNameOf(value));
  return {
    defaultMtu: 1500,
    alias,
    dependencies: (value) => [{ label: `other end ${peerNameOf(value)}`, key: interfaceKey(peerNameOf(value)) }],
    create: (value, namespace, options) =>
      pairs.run([value.name, peerNameOf(value)].sort().join("\0"), async () => {
        const [found] = await namespace.handle.batch([linkGet(hostNameOf(value))], options);
        if (found.ok) return adopt(found.value, value, alias(value));
        if (!isCodedError(found.error, "NOT_FOUND")) throw found.error;
        const peer = declaredPeer(context, value);
        return context.namespaces.borrow(peer.namespace, options, (peerNamespace) =>
          makePair(context, { value, namespace }, { value: peer, namespace: peerNamespace }, alias, options),
        );
      }),
    delete: (value, namespace) => removeOwn(context, value, namespace, alias(value)),
  };
}

/** @throws CodedError FAILED_PRECONDITION when the ends do not name each other */
function declaredPeer(context: LinuxContext, value: Interface): Interface {
  const name = peerNameOf(value);
  const peer = context.desired(name);
  if (!peer)
    throw new CodedError(
      "FAILED_PRECONDITION",
      `${interfaceTitle(value.name)}: the other end "${name}" is not declared; declare both ends of a VETH`,
      { retryable: true },
    );
  if (peerNameOf(peer) === value.name) return peer;
  throw new CodedError(
    "FAILED_PRECONDITION",
    `${interfaceTitle(value.name)}: field "veth.peer_if_name" is "${name}", whose own peer is "${peerNameOf(peer)}"; make the two name each other`,
    { retryable: true },
  );
}

interface End {
  readonly value: Interface;
  readonly namespace: OpenNamespace;
}

async function makePair(
  context: LinuxContext,
  near: End,
  far: End,
  alias: (value: Interface) => string,
  options: LinkOptions,
): Promise<Link> {
  const pair = linkAdd({
    kind: "veth",
    ...newLinkOf(near.value, near.namespace, alias(near.value)),
    peer: newLinkOf(far.value, far.namespace, alias(far.value)),
  });
  const attempt = () => near.namespace.handle.batch([pair, linkGet(hostNameOf(near.value))], options);
  let [made, read] = await attempt();
  if (!made.ok && isCodedError(made.error, "ALREADY_EXISTS")) {
    // The near end was missing, so a far end of ours belongs to a pair that somebody took apart.
    adopt(await far.namespace.handle.linkGet(hostNameOf(far.value), options), far.value, alias(far.value));
    await removeOwn(context, far.value, far.namespace, alias(far.value));
    [made, read] = await attempt();
  }
  if (!made.ok) throw made.error;
  if (!read.ok) throw read.error;
  return read.value;
}
