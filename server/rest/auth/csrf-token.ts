import { randomInt, timingSafeEqual } from 'node:crypto'

// Letters and digits in the order of Django, which counts with their places.
const ALPHABET = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
const SECRET_LENGTH = 32
const MASKED_LENGTH = 2 * SECRET_LENGTH

/** A secret as Django makes it: 32 letters and digits. */
export function newCsrfSecret(): string {
  return Array.from({ length: SECRET_LENGTH }, () => ALPHABET.charAt(randomInt(ALPHABET.length))).join('')
}

/** What is wrong with a secret or a masked one, in Django's text; null: nothing. */
export function csrfFormatFault(text: string): string | null {
  if (text.length !== SECRET_LENGTH && text.length !== MASKED_LENGTH) return 'has incorrect length'
  return /[^a-zA-Z0-9]/.test(text) ? 'has invalid characters' : null
}

/**
 * The secret in a text that has no fault. Django masks one so that it looks different each time it is sent: first the
 * mask, then each letter of the secret, moved on in the alphabet by the letter of the mask.
 */
export function csrfSecretOf(text: string): string {
  if (text.length !== MASKED_LENGTH) return text
  const [mask, cipher] = [text.slice(0, SECRET_LENGTH), text.slice(SECRET_LENGTH)]
  const letters = [...cipher].map((letter, index) => {
    const place = ALPHABET.indexOf(letter) - ALPHABET.indexOf(mask.charAt(index))
    return ALPHABET.charAt((place + ALPHABET.length) % ALPHABET.length)
  })
  return letters.join('')
}

/** The secret in another form each time, which {@link csrfSecretOf} reads. */
export function maskCsrfSecret(secret: string): string {
  const mask = newCsrfSecret()
  const letters = [...secret].map((letter, index) => {
    const place = ALPHABET.indexOf(letter) + ALPHABET.indexOf(mask.charAt(index))
    return ALPHABET.charAt(place % ALPHABET.length)
  })
  return mask + letters.join('')
}

/** Whether two texts without fault hold the same secret; how long it takes tells nothing about it. */
export function isSameCsrfSecret(one: string, other: string): boolean {
  return timingSafeEqual(Buffer.from(csrfSecretOf(one)), Buffer.from(csrfSecretOf(other)))
}
