import { beyondBound, type BodyBounds } from './bounds.ts'

/**
 * Counts the values of a body of JSON and how deep they are nested, without building any of them (rest-v1 D19). What is
 * no JSON is counted as far as it looks like JSON; the parser tells what is wrong with it.
 *
 * @throws {Refusal} 400 at the first byte that goes beyond a bound.
 */
export function checkJsonBounds(body: Buffer, bounds: BodyBounds): void {
  // Each comma and the beginning of each list or object that is not empty is followed by one value more.
  let values = 1
  let depth = 0
  let isAfterOpening = false
  for (let index = 0; index < body.length; index += 1) {
    const byte = body[index]
    if (byte === SPACE || byte === NEWLINE || byte === RETURN || byte === TAB) continue
    const isClosing = byte === CLOSING_BRACKET || byte === CLOSING_BRACE
    if (byte === COMMA || (isAfterOpening && !isClosing)) values += 1
    if (values > bounds.values) throw beyondBound(bounds, 'values')
    isAfterOpening = byte === OPENING_BRACKET || byte === OPENING_BRACE
    if (isAfterOpening) depth += 1
    if (isClosing) depth -= 1
    if (depth > bounds.depth) throw beyondBound(bounds, 'depth')
    if (byte === QUOTE) index = endOfString(body, index)
  }
}

/** The place of the quote that ends a string; the end of the body where none does. */
function endOfString(body: Buffer, start: number): number {
  let index = start + 1
  while (index < body.length && body[index] !== QUOTE) index += body[index] === BACKSLASH ? 2 : 1
  return index
}

const TAB = 0x09
const NEWLINE = 0x0a
const RETURN = 0x0d
const SPACE = 0x20
const QUOTE = 0x22
const COMMA = 0x2c
const OPENING_BRACKET = 0x5b
const BACKSLASH = 0x5c
const CLOSING_BRACKET = 0x5d
const OPENING_BRACE = 0x7b
const CLOSING_BRACE = 0x7d
