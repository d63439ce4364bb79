import { domainToASCII } from 'node:url'
import { MAX_EMAIL_LENGTH } from './ref.ts'

/** The least that makes a text an e-mail address of an account: a strict pattern refuses addresses that work. */
export const EMAIL_FORM = /^[^\s@]+@[^\s@]+$/

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
