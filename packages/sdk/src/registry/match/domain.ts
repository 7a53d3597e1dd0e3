/** Splits `name@domain` at the first "@"; a name without one is of this mesh. */
export function splitDomain(name: string): { readonly target: string; readonly domain: string | undefined } {
  const at = name.indexOf("@");
  return at < 0 ? { target: name, domain: undefined } : { target: name.slice(0, at), domain: name.slice(at + 1) };
}

/** True for a name of another mesh: `service@domain`. */
export function isInterdomain(name: string): boolean {
  return name.includes("@");
}
