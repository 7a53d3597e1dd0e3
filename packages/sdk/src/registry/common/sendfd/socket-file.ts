/** The path of a unix URL; undefined for anything else, also an abstract socket, which has no file. */
export function socketFile(url: string): string | undefined {
  return url.startsWith("unix:///") ? url.slice("unix://".length) : undefined;
}
