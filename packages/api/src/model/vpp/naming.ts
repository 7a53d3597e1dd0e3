import type { DescEnum } from "@bufbuild/protobuf";
import { ipnet } from "../address.ts";

export const named = {
  template: "{{.Name}}",
  fields: ["name"],
  of: (value: { readonly name: string }) => value.name,
};

export const numbered = {
  template: "{{.Index}}",
  fields: ["index"],
  of: (value: { readonly index: number }) => String(value.index),
};

/** What Go prints for an enum: the name, or the number of a value that has none. */
export function enumText(desc: DescEnum, number: number): string {
  return desc.value[number]?.name ?? String(number);
}

/** "10.0.0.0/8" with host bits cleared; a reference to netalloc as it is. */
export function networkText(network: string): string {
  const parsed = ipnet(network);
  return parsed ? `${parsed.ip}/${parsed.maskSize}` : network;
}
