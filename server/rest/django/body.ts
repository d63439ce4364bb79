import { isUtf8 } from 'node:buffer'
import { beyondBound, type BodyBounds } from './bounds.ts'
import { parseFields } from './form.ts'
import { checkJsonBounds } from './json-bounds.ts'
import { JsonError, parsePythonJson, type Json, type JsonObject } from './json.ts'
import { mediaTypeMatches } from './media-type.ts'
import { detail, message, Refusal } from './response.ts'
import { isObject } from './text.ts'

/**
 * Turns the bytes of a body into a value: JSON, or the fields of a form, which are texts. No bytes at all are an empty
 * object (rest-v1 §2.3).
 *
 * @throws {Refusal} 400 for what cannot be parsed, or is beyond the bounds (D19).
 */
export type BodyParser = (body: Buffer, bounds: BodyBounds) => Promise<Json>

/**
 * Finds the parser of a media type.
 *
 * @throws {Refusal} 415 where there is none.
 */
export function bodyParserFor(contentType: string): BodyParser {
  const parse = PARSERS.find(([type]) => mediaTypeMatches(type, contentType))?.[1]
  if (parse === undefined) throw new Refusal(detail(415, `Unsupported media type "${contentType}" in request.`))
  return async (body, bounds) => (body.length === 0 ? {} : parse(body, bounds, contentType))
}

/** For requests that announce no body, whatever type they name. */
export const noBody: BodyParser = async () => ({})

/**
 * The body of a request that has to be an object of JSON, or a form (rest-v1 D2).
 *
 * @throws {Refusal} 400
 */
export function requireObject(body: Json): JsonObject {
  if (!isObject(body)) throw new Refusal(message(400, 'The request body must be a JSON object.'))
  return body
}

const PARSERS: readonly [
  type: string,
  parse: (body: Buffer, bounds: BodyBounds, contentType: string) => Json | Promise<Json>,
][] = [
  ['application/json', parseJson],
  ['application/x-www-form-urlencoded', parseForm],
  ['multipart/form-data', parseMultipart],
]

function parseJson(body: Buffer, bounds: BodyBounds): Json {
  checkJsonBounds(body, bounds)
  try {
    return parsePythonJson(utf8Text(body))
  } catch (error) {
    if (error instanceof JsonError) throw new Refusal(detail(400, `JSON parse error - ${error.message}`))
    throw error
  }
}

function utf8Text(body: Buffer): string {
  if (isUtf8(body)) return body.toString()
  // The last byte of the shortest prefix that cannot become UTF-8.
  const position = firstWrongByte(body)
  const byte = (body[position] ?? 0).toString(16).padStart(2, '0')
  throw new JsonError(`'utf-8' codec can't decode byte 0x${byte} in position ${position}: invalid start byte`)
}

/** Where the text that the decoder understands ends. */
function firstWrongByte(body: Buffer): number {
  return Buffer.byteLength(body.toString().split('\uFFFD', 1)[0] ?? '')
}

function parseForm(body: Buffer, bounds: BodyBounds): Json {
  if (countUpTo(body, '&', bounds.fields) >= bounds.fields) throw beyondBound(bounds, 'fields')
  return Object.fromEntries(parseFields(body.toString('latin1')))
}

/** The files of a form are left out: no route takes any. */
async function parseMultipart(body: Buffer, bounds: BodyBounds, contentType: string): Promise<Json> {
  const [, quoted, bare] = BOUNDARY.exec(contentType) ?? []
  const boundary = quoted ?? bare
  if (boundary === undefined) {
    throw new Refusal(detail(400, 'Multipart form parse error - Invalid boundary in multipart: None'))
  }
  checkParts(body, `--${boundary}`, bounds)
  try {
    const form = await new Response(new Uint8Array(body), { headers: { 'content-type': contentType } }).formData()
    const fields = [...form].flatMap(([name, value]) => (typeof value === 'string' ? [[name, value] as const] : []))
    return Object.fromEntries(fields)
  } catch {
    throw new Refusal(detail(400, 'Multipart form parse error - the parts cannot be told apart'))
  }
}

/** Counts the parts of a form and what stands before their values, because reading that is slow. */
function checkParts(body: Buffer, delimiter: string, bounds: BodyBounds): void {
  let fields = 0
  let headBytes = 0
  for (let start = body.indexOf(delimiter); start !== -1; fields += 1) {
    if (fields > bounds.fields) throw beyondBound(bounds, 'fields')
    const end = body.indexOf('\r\n\r\n', start)
    headBytes += (end === -1 ? body.length : end) - start
    if (headBytes > bounds.headBytes) throw beyondBound(bounds, 'headBytes')
    start = end === -1 ? -1 : body.indexOf(delimiter, end)
  }
}

const BOUNDARY = /;\s*boundary=(?:"([^"]*)"|([^;]*))/i

/** How often a text occurs in a body; counting ends at `limit`. */
function countUpTo(body: Buffer, text: string, limit: number): number {
  let count = 0
  for (let at = body.indexOf(text); at !== -1 && count < limit; at = body.indexOf(text, at + text.length)) count += 1
  return count
}
