/**
 * Shortens the `mappings` of a source map (ECMA-426): of each line it keeps the line that it begins on in its source, which is what a
 * stack and a breakpoint need, and drops its words, which are most of a map. Imports, and lines that only close what others have begun, have
 * no place.
 *
 * @param text the module.
 */
export function mapLines(mappings: string, text: string): string {
  const written = text.split('\n')
  let source: Place = { file: 0, line: 0 }
  let kept: Place = source
  const lines = mappings.split(';').map((line, index) => {
    let first: Place | null = null
    for (const segment of line === '' ? [] : line.split(',')) {
      const [, file, row] = decode(segment)
      if (file === undefined || row === undefined) continue
      source = { file: source.file + file, line: source.line + row }
      first ??= source
    }
    if (first === null || HAS_NO_PLACE.test(written[index] ?? '')) return ''
    const from = kept
    kept = first
    return [0, first.file - from.file, first.line - from.line, 0].map(encode).join('')
  })
  return lines.join(';')
}

const HAS_NO_PLACE = /^([\s)}\],;]*|import .*)$/

interface Place {
  readonly file: number
  readonly line: number
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** The numbers of a segment: groups of five bits, the lowest first, of which the sixth bit says that another follows. */
function decode(segment: string): number[] {
  const numbers: number[] = []
  let [value, shift] = [0, 0]
  for (const digit of segment) {
    const bits = DIGITS.indexOf(digit)
    value += (bits & 31) << shift
    shift += 5
    if (bits >= 32) continue
    numbers.push(value & 1 ? -(value >> 1) : value >> 1)
    value = 0
    shift = 0
  }
  return numbers
}

function encode(number: number): string {
  let rest = number < 0 ? (-number << 1) | 1 : number << 1
  let text = ''
  do {
    const bits = rest & 31
    rest >>= 5
    text += DIGITS[rest > 0 ? bits | 32 : bits]
  } while (rest > 0)
  return text
}
