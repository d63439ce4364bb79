import { detail, Refusal } from './response.ts'

/** How much the body of a request may hold, beside its size in bytes (rest-v1 D19). */
export interface BodyBounds {
  /** Values of JSON of any kind, those inside of lists and objects too. */
  readonly values: number
  /** Fields of a form. */
  readonly fields: number
  /** Bytes before the values of the parts of a form of several parts, all together. */
  readonly headBytes: number
  /** Lists and objects inside of each other. */
  readonly depth: number
}

/** What holds for every route that has no bounds of its own. */
export const BODY_BOUNDS: BodyBounds = { values: 10_000, fields: 1_000, headBytes: 131_072, depth: 64 }

/** The refusal of a body that holds more than it may; made before anything is built of it. */
export function beyondBound(bounds: BodyBounds, bound: keyof BodyBounds): Refusal {
  const texts: Record<keyof BodyBounds, string> = {
    values: `The request body must not hold more than ${bounds.values} values.`,
    fields: `The request body must not hold more than ${bounds.fields} form fields.`,
    headBytes: `The heads of the parts of the request body must not be longer than ${bounds.headBytes} bytes.`,
    depth: `The request body must not be nested deeper than ${bounds.depth} levels.`,
  }
  return new Refusal(detail(400, texts[bound]))
}
