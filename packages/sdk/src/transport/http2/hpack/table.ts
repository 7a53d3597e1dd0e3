/** RFC 7541 appendix A, from index 1: name, value. */
export const staticTable: readonly (readonly [string, string])[] = [
  [":authority", ""],
  [":method", "GET"],
  [":method", "POST"],
  [":path", "/"],
  [":path", "/index.html"],
  [":scheme", "http"],
  [":scheme", "https"],
  [":status", "200"],
  [":status", "204"],
  [":status", "206"],
  [":status", "304"],
  [":status", "400"],
  [":status", "404"],
  [":status", "500"],
  ["accept-charset", ""],
  ["accept-encoding", "gzip, deflate"],
  ["accept-language", ""],
  ["accept-ranges", ""],
  ["accept", ""],
  ["access-control-allow-origin", ""],
  ["age", ""],
  ["allow", ""],
  ["authorization", ""],
  ["cache-control", ""],
  ["content-disposition", ""],
  ["content-encoding", ""],
  ["content-language", ""],
  ["content-length", ""],
  ["content-location", ""],
  ["content-range", ""],
  ["content-type", ""],
  ["cookie", ""],
  ["date", ""],
  ["etag", ""],
  ["expect", ""],
  ["expires", ""],
  ["from", ""],
  ["host", ""],
  ["if-match", ""],
  ["if-modified-since", ""],
  ["if-none-match", ""],
  ["if-range", ""],
  ["if-unmodified-since", ""],
  ["last-modified", ""],
  ["link", ""],
  ["location", ""],
  ["max-forwards", ""],
  ["proxy-authenticate", ""],
  ["proxy-authorization", ""],
  ["range", ""],
  ["referer", ""],
  ["refresh", ""],
  ["retry-after", ""],
  ["server", ""],
  ["set-cookie", ""],
  ["strict-transport-security", ""],
  ["transfer-encoding", ""],
  ["user-agent", ""],
  ["vary", ""],
  ["via", ""],
  ["www-authenticate", ""],
];

/** Size of the dynamic table until a peer says otherwise, RFC 9113 section 6.5.2, in RFC 7541's octets. */
export const defaultTableSize = 4096;

/** What an entry counts for, RFC 7541 section 4.1. */
export const entrySize = (name: string, value: string): number => name.length + value.length + 32;

/** Entries in the order of insertion; index 0 is the newest. */
export class DynamicTable {
  /** Oldest first; those before `#first` are gone. */
  #names: string[] = [];
  #values: string[] = [];
  #first = 0;
  #size = 0;
  #limit: number;

  constructor(limit: number = defaultTableSize) {
    this.#limit = limit;
  }

  get length(): number {
    return this.#names.length - this.#first;
  }

  get limit(): number {
    return this.#limit;
  }

  name(index: number): string | undefined {
    return index < this.length ? this.#names[this.#names.length - 1 - index] : undefined;
  }

  value(index: number): string | undefined {
    return index < this.length ? this.#values[this.#values.length - 1 - index] : undefined;
  }

  /** @param dropped told of each entry that has to make room. @returns false when the entry is larger than the table */
  add(name: string, value: string, dropped?: (name: string, value: string) => void): boolean {
    const size = entrySize(name, value);
    this.#shrinkTo(this.#limit - size, dropped);
    if (size > this.#limit) return false;
    this.#names.push(name);
    this.#values.push(value);
    this.#size += size;
    return true;
  }

  resize(limit: number, dropped?: (name: string, value: string) => void): void {
    this.#limit = limit;
    this.#shrinkTo(limit, dropped);
  }

  #shrinkTo(size: number, dropped?: (name: string, value: string) => void): void {
    while (this.#size > size && this.length > 0) {
      const name = this.#names[this.#first] as string;
      const value = this.#values[this.#first] as string;
      this.#first++;
      this.#size -= entrySize(name, value);
      dropped?.(name, value);
    }
    // An entry counts at least 32, so that a table of the usual size holds 128 at most.
    if (this.#first > 256) {
      this.#names = this.#names.slice(this.#first);
      this.#values = this.#values.slice(this.#first);
      this.#first = 0;
    }
  }
}
