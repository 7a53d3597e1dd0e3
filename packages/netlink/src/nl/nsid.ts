/** Ids by which one network namespace knows others: struct rtgenmsg and NETNSA_* (linux/net_namespace.h). */
import { checkInteger } from "../names/invalid.ts";
import { forEachAttribute, i32 } from "./attributes.ts";
import { malformed, NLM_F_REQUEST } from "./message.ts";
import type { MessageWriter } from "./writer.ts";

export const RTM_NEWNSID = 88;
export const RTM_DELNSID = 89;
const RTM_GETNSID = 90;

const NETNSA_NSID = 1;
const NETNSA_FD = 3;
/** "None yet" in answers, "choose one" in requests. */
const NETNSA_NSID_NOT_ASSIGNED = -1;

/** family u8, padded. */
const rtgenmsgBytes = 4;

export function encodeNsidGet(writer: MessageWriter, netnsFd: number): void {
  writer.begin(RTM_GETNSID, NLM_F_REQUEST).u32(0).attrU32(NETNSA_FD, netnsFd).end();
}

export function encodeNsidSet(writer: MessageWriter, netnsFd: number, nsid: number | undefined): void {
  const wanted = nsid === undefined ? NETNSA_NSID_NOT_ASSIGNED : checkInteger(nsid, "nsid", 0, 2 ** 31 - 1);
  writer.begin(RTM_NEWNSID, NLM_F_REQUEST).u32(0).attrU32(NETNSA_NSID, wanted).attrU32(NETNSA_FD, netnsFd).end();
}

/** @returns undefined when the namespace has no id. @throws CodedError PROTOCOL */
export function decodeNsid(view: DataView, from: number, to: number): number | undefined {
  if (to - from < rtgenmsgBytes) throw malformed(`namespace id message of ${to - from} bytes`);
  let nsid: number | undefined;
  forEachAttribute(view, from + rtgenmsgBytes, to, (type, start, end) => {
    if (type === NETNSA_NSID) nsid = i32(view, start, end);
  });
  return nsid === NETNSA_NSID_NOT_ASSIGNED ? undefined : nsid;
}
