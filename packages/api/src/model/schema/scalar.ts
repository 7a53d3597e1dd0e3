import { type DescEnum, ScalarType } from "@bufbuild/protobuf";
import { LigatoOptions_Type as Address, type LigatoOptions } from "../../generic.ts";
import type { JsonSchema } from "./json-schema.ts";

const int = [ScalarType.INT32, ScalarType.SINT32, ScalarType.SFIXED32];
const uint = [ScalarType.UINT32, ScalarType.FIXED32];
const long = [ScalarType.INT64, ScalarType.SINT64, ScalarType.SFIXED64];
const ulong = [ScalarType.UINT64, ScalarType.FIXED64];

/** A value of proto3 JSON (protobuf.dev/programming-guides/json): whole numbers may be text. */
export function scalarSchema(type: ScalarType, options: LigatoOptions | undefined): JsonSchema {
  switch (true) {
    case int.includes(type):
      return whole(-(2 ** 31), 2 ** 31 - 1, options);
    case uint.includes(type):
      return whole(0, 2 ** 32 - 1, options);
    // Beyond these numbers JSON's are no longer whole; text is.
    case long.includes(type):
      return whole(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, options);
    case ulong.includes(type):
      return whole(0, Number.MAX_SAFE_INTEGER, options);
    case type === ScalarType.BOOL:
      return { type: "boolean" };
    case type === ScalarType.BYTES:
      return { type: "string", contentEncoding: "base64" };
    case type === ScalarType.STRING:
      return { type: "string", ...addressSchema(options?.type ?? Address.UNSPECIFIED) };
    default:
      return { anyOf: [{ type: "number" }, { enum: ["NaN", "Infinity", "-Infinity"] }] };
  }
}

function whole(least: number, most: number, options: LigatoOptions | undefined): JsonSchema {
  const range = options?.intRange;
  // What the annotation of an MTU allows is less than some links have; ranges that only hint are not enforced here.
  const enforced = range !== undefined && range.maximum === 65_535n;
  const number = {
    type: "integer",
    minimum: enforced ? Number(range.minimum) : least,
    maximum: enforced ? Number(range.maximum) : most,
  };
  return {
    anyOf: [number, { type: "string", pattern: least < 0 ? "^-?(0|[1-9][0-9]{0,19})$" : "^(0|[1-9][0-9]{0,19})$" }],
  };
}

/** The name of a value, or its number. */
export function enumSchema(desc: DescEnum): JsonSchema {
  return { enum: [...desc.values.map(({ name }) => name), ...new Set(desc.values.map(({ number }) => number))] };
}

const four = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])(\\.(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])){3}";
/** Not every text with colons is an address; `format` tells those who check formats. */
const six = "[0-9a-fA-F:.]*:[0-9a-fA-F:.]*";
const mask4 = "/(3[0-2]|[12]?[0-9])";
const mask6 = "/(12[0-8]|1[01][0-9]|[1-9]?[0-9])";

/**
 * Empty text is an absent field; an address may also be a reference to netalloc. A plain address may have a mask:
 * upstream's annotation of WireGuard's allowed_ips, which are networks, says IP.
 */
function addressSchema(type: Address): JsonSchema {
  const any = [`${four}(${mask4})?`, `${six}(${mask6})?`];
  const masked = [`${four}${mask4}`, `${six}${mask6}`];
  const forms: Partial<Record<Address, readonly string[]>> = {
    [Address.IP]: any,
    [Address.IPV4]: any.slice(0, 1),
    [Address.IPV6]: any.slice(1),
    [Address.IP_WITH_MASK]: masked,
    [Address.IPV4_WITH_MASK]: masked.slice(0, 1),
    [Address.IPV6_WITH_MASK]: masked.slice(1),
    [Address.IP_OPTIONAL_MASK]: any,
    [Address.IPV4_OPTIONAL_MASK]: any.slice(0, 1),
    [Address.IPV6_OPTIONAL_MASK]: any.slice(1),
  };
  const form = forms[type];
  return form ? { pattern: `^(${["", ...form, "alloc:.+"].join("|")})$` } : {};
}
