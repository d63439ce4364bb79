import { isStorableText } from '../../../core/text.ts'
import { message, Refusal } from './response.ts'
import type { Json } from './json.ts'

/**
 * Refuses a request of which some text holds a NUL character or a lone surrogate, which no database can store; before
 * any other check of a handler (rest-v1 D10).
 *
 * @param fields whatever was sent, by name.
 * @throws {Refusal} 400 that names the field.
 */
export function refuseUnstorable(fields: Iterable<readonly [name: string, value: Json]>): void {
  for (const [name, value] of fields) {
    if (isStorableText(name) && isStorable(value)) continue
    const field = isStorableText(name) ? name : 'The name of a field'
    throw new Refusal(message(400, `${field} must not contain NUL characters or lone surrogates.`))
  }
}

/** The same for whatever a body holds. */
export function refuseUnstorableBody(body: Json): void {
  refuseUnstorable(typeof body === 'object' && body !== null ? Object.entries(body) : [['body', body]])
}

function isStorable(value: Json): boolean {
  if (typeof value === 'string') return isStorableText(value)
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(([key, item]) => isStorableText(key) && isStorable(item))
}
