/** Quantities as the API server writes them (apimachinery, api/resource), so that what is printed is what will be stored. */

const decimal = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"] as const;
const binary = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"] as const;
const pattern = /^\+?(\d{1,40})(?:\.(\d{0,9}))?(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$/;

/** @returns the canonical spelling, "0.5" -> "500m"; undefined for text that is no amount of something, such as "100MB" */
export function canonicalQuantity(text: string): string | undefined {
  const match = pattern.exec(text);
  if (!match) return undefined;
  const [, whole = "", fraction = "", suffix = ""] = match;
  const power = binary.indexOf(suffix as (typeof binary)[number]) + 1;
  // All amounts in nanos, the smallest that there are.
  const digits = BigInt(whole + fraction);
  const scale =
    power > 0
      ? 1024n ** BigInt(power) * 10n ** 9n
      : 10n ** BigInt(3 * decimal.indexOf(suffix as (typeof decimal)[number]));
  const divisor = 10n ** BigInt(fraction.length);
  const nanos = (digits * scale + divisor - 1n) / divisor;
  const one = 10n ** 9n;
  return power > 0 && nanos % one === 0n && nanos >= 1024n * one ? binaryText(nanos / one) : decimalText(nanos);
}

function decimalText(nanos: bigint): string {
  if (nanos === 0n) return "0";
  for (let i = decimal.length - 1; i >= 0; i--) {
    const unit = 10n ** BigInt(3 * i);
    if (nanos % unit === 0n) return `${nanos / unit}${decimal[i]}`;
  }
  return `${nanos}n`;
}

function binaryText(amount: bigint): string {
  for (let i = binary.length; i >= 1; i--) {
    const unit = 1024n ** BigInt(i);
    if (amount % unit === 0n) return `${amount / unit}${binary[i - 1]}`;
  }
  return `${amount}`;
}
