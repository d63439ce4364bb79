import { domainToASCII } from 'node:url'
import { foldedCharacters } from '../database/migrations/0008_email_folding.ts'

export const MAX_EMAIL_LENGTH = 254

/** The least that makes a text an e-mail address of an account: a strict pattern refuses addresses that work. */
export const EMAIL_FORM = /^[^\s@]+@[^\s@]+$/

/**
 * What two texts share exactly when they are one e-mail address (rest-v1 D21): A to Z fold into lower case, other letters by
 * Unicode's simple case folding, but never into ASCII: the Kelvin sign is not `k`. The SQL function `fold_email` is the same.
 */
export function foldEmail(address: string): string {
  if (ASCII.test(address)) return address.toLowerCase()
  let folded = ''
  for (const character of address) folded += FOLDED.get(character) ?? character
  return folded
}

const ASCII = /^\p{ASCII}*$/u

const CAPITALS = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZ', (letter) => [letter, letter.toLowerCase()] as const)

const FOLDED: ReadonlyMap<string, string> = new Map([...CAPITALS, ...pairs(foldedCharacters)])

function pairs({ from, to }: { readonly from: string; readonly to: string }): (readonly [string, string])[] {
  const targets = [...to]
  return [...from].map((character, index) => [character, targets[index] ?? character])
}

/** Whether a text is an e-mail address, as the original judges it; nobody has ever been asked whether it exists. */
export function isEmailAddress(text: string): boolean {
  const at = text.lastIndexOf('@')
  if (at < 1 || [...text].length > MAX_EMAIL_LENGTH) return false
  const domain = text.slice(at + 1)
  return isUser(text.slice(0, at)) && (isDomain(domain) || isDomain(inAscii(domain)))
}

const DOTTED_WORDS = /^[-!#$%&'*+/=?^_`{}|~0-9A-Z]+(?:\.[-!#$%&'*+/=?^_`{}|~0-9A-Z]+)*$/i
const QUOTED = /^"(?:[!#-[\]-~]|\\[ -~])*"$/

function isUser(user: string): boolean {
  return DOTTED_WORDS.test(user) || QUOTED.test(user)
}

const NAME = /^(?:[A-Z0-9](?:[A-Z0-9-]{0,61}[A-Z0-9])?\.)+[A-Z0-9-]{1,62}[A-Z0-9]$/i
const IP_LITERAL = /^\[[A-F0-9:.]+\]$/i

function isDomain(domain: string): boolean {
  return domain === 'localhost' || NAME.test(domain) || IP_LITERAL.test(domain)
}

/** The name that stands for one with letters of other scripts; empty where it is none. */
function inAscii(domain: string): string {
  return /^[a-z0-9.\u{80}-\u{10FFFF}-]+$/iu.test(domain) ? domainToASCII(domain) : ''
}
