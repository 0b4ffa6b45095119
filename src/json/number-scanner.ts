// JSON's numbers, from their digits straight to a double, correctly rounded.
//
// Where the digits make an integer below 2^53 and the power of ten is an exact double, one multiplication or division
// is the nearest double. A float32 is found so from any number of digits, unless it is too close to call. Only what
// is left becomes a string for JavaScript to read.

const MINUS = 0x2d;
const PLUS = 0x2b;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const LETTER_E = 0x65;
const LOWER_CASE = 0x20;

/** Up to this a mantissa takes one more digit and stays an exact double. */
const MANTISSA_LIMIT = Math.floor((Number.MAX_SAFE_INTEGER - 9) / 10);

/** The powers of ten that a double holds exactly: a product or quotient with one of them is rounded only once. */
const POWERS_OF_TEN = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));
const MAX_POWER = POWERS_OF_TEN.length - 1;

/** More than the relative error of a full mantissa that leaves out further digits, and of its scaling. */
const TRUNCATION_ERROR = 2e-14;

const isDigit = (code: number): boolean => code >= ZERO && code <= NINE;

export class NumberScanner {
  readonly #bytes: Buffer;
  #start = 0;
  #end = 0;
  // The size of the number is mantissa * 10 ** exponent; not exactly, once digits had to be left out.
  #mantissa = 0;
  #exponent = 0;
  #isExact = true;
  #isNegative = false;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Behind the number; where it is none, where a digit should be. */
  get end(): number {
    return this.#end;
  }

  /** Scans the number that begins here; false where it is none. */
  scan(start: number): boolean {
    this.#start = start;
    this.#isNegative = this.#bytes[start] === MINUS;
    this.#end = this.#isNegative ? start + 1 : start;
    if (!this.#integer()) return false;
    if (this.#bytes[this.#end] === DOT && !this.#fraction()) return false;
    const mayBeE = this.#bytes[this.#end]! | LOWER_CASE;
    return mayBeE !== LETTER_E || this.#power();
  }

  /** The double nearest to the scanned number. */
  float64(): number {
    return this.#isExact && this.#isScalable() ? this.#signed(this.#scaled()) : this.#fromText();
  }

  /** A double that the float32 nearest to the scanned number is also nearest to; good for nothing else. */
  float32(): number {
    if (!this.#isScalable()) return this.#fromText();
    const size = this.#scaled();
    const low = Math.fround(size * (1 - TRUNCATION_ERROR));
    const isCertain = this.#isExact || low === Math.fround(size * (1 + TRUNCATION_ERROR));
    return isCertain ? this.#signed(size) : this.#fromText();
  }

  #integer(): boolean {
    const bytes = this.#bytes;
    let at = this.#end;
    let code = bytes[at]!;
    let mantissa = 0;
    let dropped = 0;
    if (!isDigit(code)) return false;
    do {
      if (mantissa <= MANTISSA_LIMIT) mantissa = mantissa * 10 + (code - ZERO);
      else dropped++;
      code = bytes[++at]!;
      // A zero in front is the whole integer.
    } while (mantissa > 0 && isDigit(code));
    this.#end = at;
    this.#mantissa = mantissa;
    this.#exponent = dropped;
    this.#isExact = dropped === 0;
    return true;
  }

  #fraction(): boolean {
    const bytes = this.#bytes;
    let at = ++this.#end;
    let code = bytes[at]!;
    let mantissa = this.#mantissa;
    let taken = 0;
    if (!isDigit(code)) return false;
    do {
      if (mantissa > MANTISSA_LIMIT) this.#isExact = false;
      else {
        mantissa = mantissa * 10 + (code - ZERO);
        taken++;
      }
      code = bytes[++at]!;
    } while (isDigit(code));
    this.#end = at;
    this.#mantissa = mantissa;
    this.#exponent -= taken;
    return true;
  }

  #power(): boolean {
    const bytes = this.#bytes;
    let at = this.#end + 1;
    const isNegative = bytes[at] === MINUS;
    if (isNegative || bytes[at] === PLUS) at++;
    this.#end = at;
    let code = bytes[at]!;
    let power = 0;
    if (!isDigit(code)) return false;
    do {
      power = power * 10 + (code - ZERO);
      code = bytes[++at]!;
    } while (isDigit(code));
    this.#end = at;
    this.#exponent += isNegative ? -power : power;
    return true;
  }

  #isScalable(): boolean {
    return this.#exponent >= -MAX_POWER && this.#exponent <= MAX_POWER;
  }

  #scaled(): number {
    const exponent = this.#exponent;
    return exponent < 0
      ? this.#mantissa / POWERS_OF_TEN[-exponent]!
      : this.#mantissa * POWERS_OF_TEN[exponent]!;
  }

  #signed(size: number): number {
    return this.#isNegative ? -size : size;
  }

  #fromText(): number {
    return Number(this.#bytes.toString('latin1', this.#start, this.#end));
  }
}
