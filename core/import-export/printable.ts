const LONGEST_QUOTE = 80
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/** Text from a file, fit for a terminal: what is invisible or could steer the terminal is written as `\u….` */
export function printable(text: string): string {
  return text.replace(INVISIBLE, (char) => `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`)
}

/** Text from a file between quotes, shortened where it is long. */
export function quote(text: string): string {
  const characters = [...text.slice(0, 2 * LONGEST_QUOTE + 2)]
  const short = characters.length > LONGEST_QUOTE ? `${characters.slice(0, LONGEST_QUOTE).join('')}…` : text
  return `'${printable(short)}'`
}
