/** Variables that a shell names with one character (Go os.Expand). */
const special = /^[*#$@!?\-0-9]/;

/**
 * Replaces `$NAME` and `${NAME}` as Go's os.ExpandEnv does, which Ligato agents run over the JSON of a value: unknown
 * names become nothing, a `$` before anything else stays.
 */
export function expandVariables(text: string, environment: Readonly<Record<string, string | undefined>>): string {
  let out = "";
  let from = 0;
  for (let at = text.indexOf("$"); at >= 0 && at + 1 < text.length; at = text.indexOf("$", from)) {
    out += text.slice(from, at);
    const { name, width } = nameAt(text, at + 1);
    if (name !== "") out += (Object.hasOwn(environment, name) ? environment[name] : undefined) ?? "";
    else if (width === 0) out += "$";
    from = at + 1 + width;
  }
  return out + text.slice(from);
}

/** The name that begins here. No name: bad syntax of `width` characters, which vanishes, or none for a plain dollar. */
function nameAt(text: string, at: number): { name: string; width: number } {
  if (text[at] === "{") {
    const end = text.indexOf("}", at + 1);
    if (end < 0) return { name: "", width: 1 };
    return { name: text.slice(at + 1, end), width: end - at + 1 };
  }
  const one = special.exec(text.slice(at, at + 1));
  if (one) return { name: one[0], width: 1 };
  const name = /^[A-Za-z0-9_]+/.exec(text.slice(at, at + 256))?.[0] ?? "";
  return { name, width: name.length };
}
