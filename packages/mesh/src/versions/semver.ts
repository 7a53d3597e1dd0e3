/** Release numbers, compared as numbers: v1.10.0 comes after v1.7.0 (semver 2.0.0, section 11; pre-releases come before). */
export interface Release {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** "" for a release proper. */
  readonly pre: string;
}

const pattern = /^v?(\d{1,6})\.(\d{1,6})\.(\d{1,6})(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/;

/** @returns undefined for text that is no release number */
export function parseRelease(text: string): Release | undefined {
  const match = pattern.exec(text);
  if (!match) return undefined;
  const [, major, minor, patch, pre = ""] = match;
  return { major: Number(major), minor: Number(minor), patch: Number(patch), pre };
}

/** Negative when `a` is older. @throws RangeError for text that is no release number */
export function compareReleases(a: string, b: string): number {
  const [x, y] = [mustParse(a), mustParse(b)];
  return x.major - y.major || x.minor - y.minor || x.patch - y.patch || comparePre(x.pre, y.pre);
}

export const isAtLeast = (version: string, since: string): boolean => compareReleases(version, since) >= 0;

function mustParse(text: string): Release {
  const release = parseRelease(text);
  if (!release) throw new RangeError(`${JSON.stringify(text)} is no release number`);
  return release;
}

function comparePre(a: string, b: string): number {
  if (a === b) return 0;
  if (a === "" || b === "") return a === "" ? 1 : -1;
  const [x, y] = [a.split("."), b.split(".")];
  for (let i = 0; i < Math.max(x.length, y.length); i++) {
    const [p, q] = [x[i], y[i]];
    if (p === undefined || q === undefined) return p === undefined ? -1 : 1;
    const numbers = [p, q].map((part) => /^\d+$/.test(part));
    if (numbers[0] && numbers[1]) {
      if (Number(p) !== Number(q)) return Number(p) - Number(q);
    } else if (numbers[0] !== numbers[1]) return numbers[0] ? -1 : 1;
    else if (p !== q) return p < q ? -1 : 1;
  }
  return 0;
}
