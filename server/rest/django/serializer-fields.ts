import { Refusal } from './response.ts'
import { decimalOf, flagOf, LONGEST_NUMBER, plainText, wholeNumberOf } from './serializer-values.ts'
import type { Json, JsonObject } from './json.ts'
import { isArray, isObject, pythonText, pythonTypeName } from './text.ts'

/** Reads the fields of an object one after another and keeps what is wrong with each. */
export interface FieldReader {
  /** A required text, trimmed and not blank. */
  text(field: string): string
  /** The same of a field that may be absent; undefined then. */
  givenText(field: string, options?: { readonly maxLength?: number }): string | undefined
  /** A text that may be absent, null or empty. */
  optionalText(field: string): string | null
  /** The items of a text between its commas; a list counts by its first element, an empty text has none. */
  list(field: string, options: { readonly isRequired: boolean }): string[]
  choice<T extends string>(field: string, choices: readonly T[]): T
  /** False where it is absent, unless told. */
  flag(field: string, options?: { readonly unlessGiven: boolean }): boolean
  /** A whole number; undefined where it is absent. */
  wholeNumber(field: string): number | undefined
  /** A number within bounds that are included; undefined where it is absent. */
  decimal(field: string, bounds: DecimalBounds): number | undefined
  /** A list of objects, each with a reader of its own; none where it is absent, or where something is wrong with one. */
  objects<T>(field: string, read: (fields: FieldReader) => T): T[]
  /** Only the first report about a field is kept. */
  report(field: string, text: string): void
  /** Reports what is wrong with all fields together, where nothing has been reported before. */
  reportOverall(text: string): void
  /** @throws {Refusal} 400 with all reports, by field, if there are any. */
  refuseErrors(): void
}

export interface DecimalBounds {
  readonly min: number
  readonly max: number
  readonly maxPlaces: number
}

/** Under which what is wrong with all fields together is told. */
const OVERALL = 'non_field_errors'
const REQUIRED = 'This field is required.'
const NULL = 'This field may not be null.'
const BLANK = 'This field may not be blank.'
const NOT_TEXT = 'Not a valid string.'
const NOT_BOOLEAN = 'Must be a valid boolean.'
const NOT_WHOLE = 'A valid integer is required.'
const NOT_NUMBER = 'A valid number is required.'
const LONG_NUMBER = 'String value too large.'

/** What is wrong with a field; with a list of objects: with each of them, nothing being an object without keys. */
type Fault = readonly string[] | FaultsOfObject | readonly (readonly string[] | FaultsOfObject)[]
type FaultsOfObject = { readonly [field: string]: Fault }

/**
 * Reads a body as the serializers of Django REST framework do, with their texts (rest-v1 §3.9). What is wrong with a
 * field is reported, and something harmless read in its place: ask {@link FieldReader.refuseErrors} at the end.
 *
 * @throws {Refusal} 400 for what is no object.
 */
export function fieldReader(body: Json): FieldReader {
  if (body === null) throw refused({ [OVERALL]: ['No data provided'] })
  if (!isObject(body)) throw refused(notAnObject(body))
  return readerOf(body, new Map())
}

function refused(body: FaultsOfObject): Refusal {
  return new Refusal({ status: 400, body })
}

function readerOf(body: JsonObject, faults: Map<string, Fault>): FieldReader {
  const report = (field: string, text: string) => {
    if (!faults.has(field)) faults.set(field, [text])
  }
  /** The value of a field that may not be null; undefined: absent, or reported. */
  const given = (field: string, isRequired: boolean): Exclude<Json, null> | undefined => {
    const value = body[field]
    if (value === undefined && isRequired) report(field, REQUIRED)
    if (value === null) report(field, NULL)
    return value ?? undefined
  }
  const textOf = (field: string, value: Exclude<Json, null> | undefined): string | undefined => {
    if (value === undefined) return undefined
    const text = plainText(value)?.trim()
    if (text === undefined) report(field, NOT_TEXT)
    if (text === '') report(field, BLANK)
    return text
  }
  /** A value that may be read as a number; undefined: absent, or reported. */
  const numberOf = (field: string): Exclude<Json, null> | undefined => {
    const value = given(field, false)
    if (typeof value !== 'string' || value.length <= LONGEST_NUMBER) return value
    report(field, LONG_NUMBER)
    return undefined
  }
  return {
    report,
    text: (field) => textOf(field, given(field, true)) ?? '',
    givenText(field, { maxLength = Number.POSITIVE_INFINITY } = {}) {
      const text = textOf(field, given(field, false))
      const isLong = text !== undefined && [...text].length > maxLength
      if (isLong) report(field, `Ensure this field has no more than ${maxLength} characters.`)
      return text
    },
    optionalText(field) {
      const text = plainText(body[field] ?? '')?.trim()
      if (text === undefined) report(field, NOT_TEXT)
      return text || null
    },
    list(field, { isRequired }) {
      const value = given(field, isRequired)
      const text = isArray(value) ? (value[0] ?? '') : (value ?? '')
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
    flag(field, { unlessGiven } = { unlessGiven: false }) {
      const value = given(field, false)
      if (value === undefined) return unlessGiven
      const flag = flagOf(value)
      if (flag === undefined) report(field, NOT_BOOLEAN)
      return flag ?? false
    },
    wholeNumber(field) {
      const value = numberOf(field)
      if (value === undefined) return undefined
      const number = wholeNumberOf(value)
      if (number === undefined) report(field, NOT_WHOLE)
      else reportBounds(field, Number(number), { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER })
      return Number(number ?? 0)
    },
    decimal(field, { maxPlaces, ...bounds }) {
      const value = numberOf(field)
      if (value === undefined) return undefined
      const number = decimalOf(value)
      if (number === undefined) report(field, NOT_NUMBER)
      else reportBounds(field, number.value, bounds)
      const isFine = number === undefined || number.places <= maxPlaces
      if (!isFine) report(field, `Ensure that there are no more than ${maxPlaces} decimal places.`)
      return number?.value ?? 0
    },
    objects(field, read) {
      const value = given(field, false)
      if (value === undefined) return []
      if (!isArray(value)) {
        const text = `Expected a list of items but got type "${pythonTypeName(value)}".`
        faults.set(field, { [OVERALL]: [text] })
        return []
      }
      const items = value.map((item) => readObject(item, read))
      if (items.some((item) => item.faults !== null)) {
        faults.set(
          field,
          items.map((item) => item.faults ?? {}),
        )
      }
      return items.flatMap((item) => (item.faults === null ? [item.value] : []))
    },
    reportOverall(text) {
      if (faults.size === 0) report(OVERALL, text)
    },
    refuseErrors() {
      if (faults.size > 0) throw refused(Object.fromEntries(faults))
    },
  }

  function reportBounds(field: string, value: number, { min, max }: Omit<DecimalBounds, 'maxPlaces'>): void {
    if (value > max) report(field, `Ensure this value is less than or equal to ${max}.`)
    if (value < min) report(field, `Ensure this value is greater than or equal to ${min}.`)
  }
}

/** What an element of a list was read as, or what is wrong with it. */
export type ReadObject<T> =
  | { readonly faults: null; readonly value: T }
  | { readonly faults: readonly string[] | FaultsOfObject }

/** Reads an element of a list that has to be an object, with a reader of its own. */
export function readObject<T>(item: Json, read: (fields: FieldReader) => T): ReadObject<T> {
  if (item === null) return { faults: [NULL] }
  if (!isObject(item)) return { faults: notAnObject(item) }
  const faults = new Map<string, Fault>()
  const value = read(readerOf(item, faults))
  return faults.size === 0 ? { faults: null, value } : { faults: Object.fromEntries(faults) }
}

function notAnObject(value: Json): FaultsOfObject {
  return { [OVERALL]: [`Invalid data. Expected a dictionary, but got ${pythonTypeName(value)}.`] }
}
