import { fillTemplate } from "./template.ts";

export type Labels = Readonly<Record<string, string>>;

/** A missing key reads as "", as in Go. */
const read = (labels: Labels, key: string): string => (Object.hasOwn(labels, key) ? (labels[key] ?? "") : "");

/**
 * True if `labels` contain every pair of `selector`; a value that differs is tried again as a template over
 * `templateLabels`. A selector with more pairs than there are labels never fits.
 * Rules: networkservicemesh/sdk pkg/tools/matchutils.
 */
export function isSubset(labels: Labels, selector: Labels, templateLabels: Labels): boolean {
  const wanted = Object.entries(selector);
  if (Object.keys(labels).length < wanted.length) return false;
  return wanted.every(([key, value]) => {
    const actual = read(labels, key);
    return actual === value || actual === fillTemplate(value, templateLabels);
  });
}

/** True if every pair of `wanted` is in `labels` literally. */
export function containsLabels(labels: Labels, wanted: Labels): boolean {
  return Object.entries(wanted).every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value);
}
