/** Directions in which a cell's line goes on. */
const up = 1;
const down = 2;
const left = 4;
const right = 8;

const glyphs: Readonly<Record<number, string>> = {
  [up]: "│",
  [down]: "│",
  [up | down]: "│",
  [left]: "─",
  [right]: "─",
  [left | right]: "─",
  [down | right]: "┌",
  [down | left]: "┐",
  [up | right]: "└",
  [up | left]: "┘",
  [up | down | right]: "├",
  [up | down | left]: "┤",
  [left | right | down]: "┬",
  [left | right | up]: "┴",
  [up | down | left | right]: "┼",
};

/** A drawing of lines and text. Lines that meet are joined by themselves. */
export class Canvas {
  readonly #lines = new Map<string, number>();
  readonly #text = new Map<string, string>();
  #width = 0;
  #height = 0;

  horizontal(y: number, fromX: number, toX: number): void {
    const [start, end] = fromX <= toX ? [fromX, toX] : [toX, fromX];
    for (let x = start; x <= end; x++) this.#add(x, y, (x > start ? left : 0) | (x < end ? right : 0));
  }

  vertical(x: number, fromY: number, toY: number): void {
    const [start, end] = fromY <= toY ? [fromY, toY] : [toY, fromY];
    for (let y = start; y <= end; y++) this.#add(x, y, (y > start ? up : 0) | (y < end ? down : 0));
  }

  box(x: number, y: number, width: number, height: number): void {
    this.horizontal(y, x, x + width - 1);
    this.horizontal(y + height - 1, x, x + width - 1);
    this.vertical(x, y, y + height - 1);
    this.vertical(x + width - 1, y, y + height - 1);
  }

  /** Text covers lines. */
  write(x: number, y: number, text: string): void {
    for (const [i, letter] of [...text].entries()) {
      this.#text.set(`${x + i},${y}`, letter);
      this.#grow(x + i, y);
    }
  }

  toString(): string {
    let result = "";
    for (let y = 0; y < this.#height; y++) {
      let row = "";
      for (let x = 0; x < this.#width; x++) {
        const at = `${x},${y}`;
        row += this.#text.get(at) ?? glyphs[this.#lines.get(at) ?? 0] ?? " ";
      }
      result += `${row.trimEnd()}\n`;
    }
    return result;
  }

  #add(x: number, y: number, directions: number): void {
    const at = `${x},${y}`;
    this.#lines.set(at, (this.#lines.get(at) ?? 0) | directions);
    this.#grow(x, y);
  }

  #grow(x: number, y: number): void {
    this.#width = Math.max(this.#width, x + 1);
    this.#height = Math.max(this.#height, y + 1);
  }
}
