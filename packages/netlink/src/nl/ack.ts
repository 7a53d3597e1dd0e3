/** NLMSG_ERROR: the answer to a request, with the kernel's own words where it has some (extended ack). */
import { forEachAttribute, text, u32 } from "./attributes.ts";
import { headerBytes, type Message, malformed, NLM_F_ACK_TLVS, NLM_F_CAPPED } from "./message.ts";

const NLMSGERR_ATTR_MSG = 1;
const NLMSGERR_ATTR_OFFS = 2;
const NLMSGERR_ATTR_MISS_TYPE = 5;

export interface Ack {
  /** 0 = done; else a positive errno. */
  readonly errno: number;
  /** What the kernel says about it. */
  readonly message?: string;
  /** Byte of the request (header included) that it objects to. */
  readonly offset?: number;
  /** Attribute type that it misses. */
  readonly missingAttribute?: number;
}

/** @throws CodedError PROTOCOL */
export function decodeAck(view: DataView, message: Message): Ack {
  const { start, end } = message;
  if (end - start < 4 + headerBytes) throw malformed(`answer of ${end - start} bytes`);
  const errno = 0 - view.getInt32(start, true);
  if (errno < 0) throw malformed(`answer with error ${-errno}`);
  const echoed = view.getUint32(start + 4, true);
  const capped = (message.flags & NLM_F_CAPPED) !== 0;
  return (message.flags & NLM_F_ACK_TLVS) === 0
    ? { errno }
    : { errno, ...extended(view, start + 4 + (capped ? headerBytes : echoed), end) };
}

/** Ending of a dump: an error code, then attributes (struct in netlink_dump_done(), net/netlink/af_netlink.c). */
export function decodeDone(view: DataView, message: Message): Ack {
  const { start, end } = message;
  if (end - start < 4) return { errno: 0 };
  const errno = Math.max(0, 0 - view.getInt32(start, true));
  return (message.flags & NLM_F_ACK_TLVS) === 0 ? { errno } : { errno, ...extended(view, start + 4, end) };
}

function extended(view: DataView, from: number, to: number): Omit<Ack, "errno"> {
  let message: string | undefined;
  let offset: number | undefined;
  let missingAttribute: number | undefined;
  forEachAttribute(view, from, to, (type, start, end) => {
    if (type === NLMSGERR_ATTR_MSG) message = text(view, start, end);
    else if (type === NLMSGERR_ATTR_OFFS) offset = u32(view, start, end);
    else if (type === NLMSGERR_ATTR_MISS_TYPE) missingAttribute = u32(view, start, end);
  });
  return {
    ...(message === undefined ? {} : { message }),
    ...(offset === undefined ? {} : { offset }),
    ...(missingAttribute === undefined ? {} : { missingAttribute }),
  };
}
