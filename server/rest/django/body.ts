import { isUtf8 } from 'node:buffer'
import { detail, Refusal } from './answer.ts'
import { mediaTypeMatches } from './media-type.ts'
import { JsonError, parsePythonJson, type Json } from './json.ts'
import { parseFields } from './form.ts'

/**
 * Parses the body of a request: JSON, or a form, whose fields are texts. Nothing at all is an empty object, whatever it
 * calls itself (rest-v1 §2.3).
 *
 * @throws {Refusal} 400 for what cannot be parsed, 415 for other types.
 */
export async function parseBody(body: Buffer, contentType: string): Promise<Json> {
  if (body.length === 0) return {}
  if (mediaTypeMatches('application/json', contentType)) return parseJson(body)
  if (mediaTypeMatches('application/x-www-form-urlencoded', contentType)) {
    return Object.fromEntries(parseFields(body.toString('latin1')))
  }
  if (mediaTypeMatches('multipart/form-data', contentType)) return parseMultipart(body, contentType)
  throw new Refusal(detail(415, `Unsupported media type "${contentType}" in request.`))
}

function parseJson(body: Buffer): Json {
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

/** The files of a form are left out: no route takes any. */
async function parseMultipart(body: Buffer, contentType: string): Promise<Json> {
  if (!/;\s*boundary=/i.test(contentType)) {
    throw new Refusal(detail(400, 'Multipart form parse error - Invalid boundary in multipart: None'))
  }
  try {
    const form = await new Response(new Uint8Array(body), { headers: { 'content-type': contentType } }).formData()
    const fields = [...form].flatMap(([name, value]) => (typeof value === 'string' ? [[name, value] as const] : []))
    return Object.fromEntries(fields)
  } catch {
    throw new Refusal(detail(400, 'Multipart form parse error - the parts cannot be told apart'))
  }
}
