import { CodedError } from "@nsmkit/core";
import { begun } from "../../../../chain/begin.ts";
import { key } from "../../../../chain/key.ts";
import { tunnelMtu } from "../mtu/mtu.ts";
import type { MechanismServer } from "../select/server.ts";
import { parameter } from "../types.ts";
import { parseVni, VniPool, vniParity } from "./vni.ts";

/** RFC 7348 section 5. */
export const vxlanPort = 4789;

interface Held {
  readonly srcIp: string;
  readonly vni: number;
  release(): void;
}

/**
 * For the forwarder nearer to the endpoint: our tunnel address as destination, and a network identifier. One that is
 * in the mechanism already, from before a restart, is kept.
 */
export function vxlanServer(options: {
  /** Address that the other node reaches us at. */
  readonly tunnelIp: string;
  readonly tunnelPort?: number;
  readonly pool?: VniPool;
}): MechanismServer {
  const { tunnelIp, tunnelPort = vxlanPort, pool = new VniPool() } = options;
  const heldKey = key<Held>("vni", (held) => held.release());

  const hold = (srcIp: string, vni: number): Held => ({ srcIp, vni, release: () => pool.release(srcIp, vni) });

  return {
    serve(ctx, _connection, { parameters }) {
      const srcIp = parameters[parameter.srcIp];
      if (!srcIp)
        throw new CodedError("INVALID_ARGUMENT", `a VXLAN mechanism needs the parameter "${parameter.srcIp}"`);
      parameters[parameter.dstIp] = tunnelIp;
      parameters[parameter.dstPort] = String(tunnelPort);
      const { store } = begun(ctx);
      const asked = parseVni(parameters[parameter.vni]);
      const held = store.get(heldKey);
      if (held && held.srcIp === srcIp && (asked === undefined || asked === held.vni)) {
        parameters[parameter.vni] = String(held.vni);
        return;
      }
      const from = parameters[parameter.origSrcIp] ?? srcIp;
      const vni = asked ?? pool.take(srcIp, vniParity(from, parameters[parameter.origDstIp] ?? tunnelIp));
      if (asked !== undefined && !pool.claim(srcIp, asked))
        throw new CodedError("CONFLICT", `VXLAN network identifier ${asked} from ${srcIp} carries another connection`);
      held?.release();
      store.set(heldKey, hold(srcIp, vni));
      parameters[parameter.vni] = String(vni);
    },
    release(ctx) {
      begun(ctx).store.take(heldKey)?.release();
    },
  };
}

/**
 * What the forwarder nearer to the client puts into a VXLAN preference.
 * @param uplinkMtu bytes; undefined: no opinion
 */
export function vxlanParameters(tunnelIp: string, uplinkMtu?: number): Record<string, string> {
  const mtu = uplinkMtu === undefined ? undefined : tunnelMtu("VXLAN", uplinkMtu, tunnelIp);
  return {
    [parameter.srcIp]: tunnelIp,
    [parameter.srcPort]: String(vxlanPort),
    ...(mtu !== undefined && { [parameter.mtu]: String(mtu) }),
  };
}
