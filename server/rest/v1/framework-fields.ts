import { Refusal } from './answer.ts'
import type { Json, JsonObject } from './python-json.ts'
import { pythonText } from './python-text.ts'

/** Reads the fields of a body one after another and keeps what is wrong with each. */
export interface FieldReader {
  /** A required text, trimmed and not blank. */
  text(field: string): string
  /** A text that may be absent, null or empty. */
  optionalText(field: string): string | null
  /** The items of a text between its commas; a list counts by its first element, an empty text has none. */
  list(field: string, options: { readonly isRequired: boolean }): string[]
  choice<T extends string>(field: string, choices: readonly T[]): T
  /** False unless it is given. */
  flag(field: string): boolean
  /** Only the first report about a field is kept. */
  report(field: string, text: string): void
  /** @throws {Refusal} 400 with all reports, by field, if there are any. */
  refuseErrors(): void
}

const REQUIRED = 'This field is required.'
const NULL = 'This field may not be null.'
const BLANK = 'This field may not be blank.'
const NOT_TEXT = 'Not a valid string.'
const NOT_BOOLEAN = 'Must be a valid boolean.'

/**
 * Reads a body as the serializers of Django REST framework do, with their texts (rest-v1 §3.9). What is wrong with a
 * field is reported, and something harmless read in its place: ask {@link FieldReader.refuseErrors} at the end.
 */
export function fieldReader(body: JsonObject): FieldReader {
  const errors = new Map<string, string[]>()
  const report = (field: string, text: string) => {
    if (!errors.has(field)) errors.set(field, [text])
  }
  /** The value of a field that may not be null; undefined: absent, or reported. */
  const given = (field: string, isRequired: boolean): Exclude<Json, null> | undefined => {
    const value = body[field]
    if (value === undefined && isRequired) report(field, REQUIRED)
    if (value === null) report(field, NULL)
    return value ?? undefined
  }
  return {
    report,
    text(field) {
      const value = given(field, true)
      if (value === undefined) return ''
      const text = plainText(value)?.trim()
      if (text === undefined) report(field, NOT_TEXT)
      if (text === '') report(field, BLANK)
      return text ?? ''
    },
    optionalText(field) {
      const value = body[field] ?? ''
      const text = plainText(value)?.trim()
      if (text === undefined) report(field, NOT_TEXT)
      return text || null
    },
    list(field, { isRequired }) {
      const value = given(field, isRequired)
      const text = Array.isArray(value) ? (value[0] ?? '') : (value ?? '')
      if (typeof text !== 'string') report(field, NOT_TEXT)
      return typeof text === 'string' && text !== '' ? text.split(',') : []
    },
    choice(field, choices) {
      const value = given(field, true)
      const text = value === undefined ? undefined : pythonText(value)
      const choice = choices.find((known) => known === text)
      if (text !== undefined && choice === undefined) report(field, `"${text}" is not a valid choice.`)
      // Harmless, because whoever reads it has to ask for the reports first.
      return choice ?? (choices[0] as NonNullable<typeof choice>)
    },
    flag(field) {
      const value = given(field, false)
      if (value === undefined) return false
      const flag = FLAGS.get(value)
      if (flag === undefined) report(field, NOT_BOOLEAN)
      return flag ?? false
    },
    refuseErrors() {
      if (errors.size > 0) throw new Refusal({ status: 400, body: Object.fromEntries(errors) })
    },
  }
}

/** A number counts as a text, a truth value does not. */
function plainText(value: Exclude<Json, null>): string | undefined {
  return typeof value === 'object' || typeof value === 'boolean' ? undefined : pythonText(value)
}

const TRUE = ['t', 'T', 'y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON', '1', 1, 1n, true]
const FALSE = ['f', 'F', 'n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF', '0', 0, 0n, false]
const FLAGS: ReadonlyMap<Json, boolean> = new Map<Json, boolean>([
  ...TRUE.map((value) => [value, true] as const),
  ...FALSE.map((value) => [value, false] as const),
])
