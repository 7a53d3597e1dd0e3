import type { Interface } from "@nsmkit/api/linux";
import { CodedError, isCodedError } from "@nsmkit/core";
import { linkGet } from "@nsmkit/netlink";
import type { LinuxContext, VppTaps } from "../context.ts";
import { hostNameOf, interfaceTitle } from "../interface-check.ts";
import type { LinkKind } from "./kind.ts";
import { adopt } from "./own.ts";

function tapNameOf(value: Interface): string {
  return value.link.case === "tap" ? value.link.value.vppTapIfName : "";
}

/**
 * The Linux side of a TAP that VPP made in the agent's namespace: it is moved, renamed and marked, and given back
 * under its own name in the end. The alias keeps that name.
 */
export function tapLink(context: LinuxContext): LinkKind {
  const taps = (): VppTaps => {
    if (context.vppTaps) return context.vppTaps;
    throw new CodedError("UNSUPPORTED", "TAP_TO_VPP needs a VPP that makes the TAP; use nsm-agent-vpp");
  };
  const alias = (value: Interface): string =>
    context.mark.alias(value.name, tapNameOf(value), taps().hostNameOf(tapNameOf(value)));
  return {
    defaultMtu: 1500,
    alias,
    // ligato/vpp-agent proto/ligato/vpp/interfaces: the key of a VPP interface.
    dependencies: (value) => [
      { label: `VPP TAP ${tapNameOf(value)}`, key: `config/vpp/v2/interfaces/${tapNameOf(value)}` },
    ],
    async create(value, namespace, options) {
      const [found] = await namespace.handle.batch([linkGet(hostNameOf(value))], options);
      if (found.ok && found.value.alias === alias(value)) return found.value;
      const { own } = context.namespaces;
      const original = taps().hostNameOf(tapNameOf(value));
      const link = await own.handle.linkGet(original, options);
      if (link.kind !== "tun")
        throw new CodedError(
          "FAILED_PRECONDITION",
          `${interfaceTitle(value.name)}: the link "${original}" is no TAP of VPP`,
        );
      if (found.ok && found.value.index !== link.index) adopt(found.value, value, alias(value));
      // A link that is up cannot be renamed by kernels before 6.2.
      await own.handle.linkSet(link.index, { up: false }, options);
      await own.handle.linkSet(
        link.index,
        { alias: alias(value), name: hostNameOf(value), ...(namespace.own ? {} : { netns: namespace.netns }) },
        options,
      );
      return namespace.handle.linkGet(hostNameOf(value), options);
    },
    async delete(value, namespace, options) {
      const original = taps().hostNameOf(tapNameOf(value));
      try {
        const link = await namespace.handle.linkGet(hostNameOf(value), options);
        if (link.alias !== alias(value)) return;
        await namespace.handle.linkSet(link.index, { up: false }, options);
        await namespace.handle.linkSet(
          link.index,
          { alias: "", name: original, ...(namespace.own ? {} : { netns: context.namespaces.own.netns }) },
          options,
        );
      } catch (error) {
        if (!isCodedError(error, "NOT_FOUND")) throw error;
      }
    },
  };
}
