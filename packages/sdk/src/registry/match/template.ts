/** `{{ .name }}`, with or without trim markers, and `{{ index . "any key" }}`, which reaches keys that are no identifiers. */
const action = /\{\{(?:(-)\s)?\s*(?:\.([\p{L}_][\p{L}\p{N}_]*)|index\s+\.\s+"([^"\\\n]*)")\s*?(?:\s(-))?\}\}/gu;

/** What Go prints for a key that a map does not have (text/template, option missingkey=default). */
const noValue = "<no value>";

/**
 * Fills a selector value from labels, in the subset of Go's text/template that names labels.
 * @returns the text unchanged if it holds any other template construct, as upstream does with one that fails
 */
export function fillTemplate(text: string, labels: Readonly<Record<string, string>>): string {
  if (!text.includes("{{")) return text;
  let filled = "";
  let end = 0;
  let trimNext = false;
  const take = (literal: string): string => {
    const cut = trimNext ? literal.replace(/^[ \t\r\n]+/, "") : literal;
    trimNext = false;
    return cut;
  };
  for (const match of text.matchAll(action)) {
    const [whole, trimBefore, name, key, trimAfter] = match;
    const before = take(text.slice(end, match.index));
    if (before.includes("{{")) return text;
    filled += trimBefore ? before.replace(/[ \t\r\n]+$/, "") : before;
    const label = name ?? key;
    if (label !== undefined) filled += labelText(labels, label, key !== undefined);
    end = match.index + whole.length;
    trimNext = trimAfter !== undefined;
  }
  const rest = take(text.slice(end));
  return rest.includes("{{") ? text : filled + rest;
}

/** `.name` of a missing key prints "<no value>"; the function `index` gives the map's zero value instead. */
function labelText(labels: Readonly<Record<string, string>>, label: string, byIndex: boolean): string {
  return Object.hasOwn(labels, label) ? (labels[label] ?? "") : byIndex ? "" : noValue;
}
