/** Fields whose content nobody outside shall see: keys of IPsec and WireGuard, secrets of memif, passwords. */
const secretField =
  /^(?:.*[_-])?(?:secret|password|passwd|token|privatekey|private_key|cryptokey|crypto_key|integkey|integ_key|cryptosalt|crypto_salt)$/i;
const keyField = /^(?:local|remote)_?(?:crypto|integ)_?key$/i;

const hidden = "(removed)";

const isSecret = (name: string): boolean => secretField.test(name) || keyField.test(name);

/** A copy of a JSON value without secrets; texts that hold JSON or protobuf's text form are looked into too. */
export function redact(value: unknown): unknown {
  if (typeof value === "string") return redactText(value);
  if (Array.isArray(value)) return value.map(redact);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, content]) => [
      name,
      isSecret(name) && content !== "" && content !== null ? hidden : redact(content),
    ]),
  );
}

const inText =
  /(["']?)\b((?:[A-Za-z]+[_-])*(?:secret|password|passwd|token|private_?key|(?:local_|remote_)?(?:crypto|integ)_?key|crypto_?salt))\1(\s*[:=]\s*)("(?:[^"\\]|\\.)*"|'[^']*'|[^\s,;}\]]+)/gi;

/** The same for a text: YAML, JSON, protobuf's text form, settings. */
export function redactText(text: string): string {
  return text
    .replaceAll(inText, (_, quote: string, name: string, colon: string, value: string) => {
      const around = /^["']/.exec(value)?.[0] ?? "";
      return `${quote}${name}${quote}${colon}${around}${hidden}${around}`;
    })
    .replaceAll(/(\w+:\/\/[^\s/:@]+):[^\s/@]+@/g, `$1:${hidden}@`);
}
