import { describe, expect, test } from 'vitest'
import { bodyParserFor } from '../../../../server/rest/django/body.ts'
import { BODY_BOUNDS } from '../../../../server/rest/django/bounds.ts'
import { Refusal } from '../../../../server/rest/django/response.ts'

const VALUES = 'The request body must not hold more than 10000 values.'
const FIELDS = 'The request body must not hold more than 1000 form fields.'
const DEPTH = 'The request body must not be nested deeper than 64 levels.'
const HEADS = 'The heads of the parts of the request body must not be longer than 131072 bytes.'

describe('the bounds of a body of JSON (rest-v1 D19)', () => {
  test.for([
    ['a list at the bound', list(9_999), null],
    ['a list beyond it', list(10_000), VALUES],
    ['an object beyond it', object(10_000), VALUES],
    ['one key again and again', `{${'"a":1,'.repeat(10_000)}"a":1}`, VALUES],
    [
      'what looks like values inside of texts',
      JSON.stringify([',[{'.repeat(20_000), '\\', '"', ',[{'.repeat(20_000)]),
      null,
    ],
    ['empty lists and objects at the bound', `[${'[],{ },'.repeat(4_999)}[]]`, null],
    ['empty lists and objects beyond it', `[${'[],{ },'.repeat(4_999)}[],[]]`, VALUES],
    ['lists in lists at the bound', nested('[', ']', 64), null],
    ['lists in lists beyond it', nested('[', ']', 65), DEPTH],
    ['objects in objects beyond it', `${'{"a":'.repeat(65)}1${'}'.repeat(65)}`, DEPTH],
    // Behind the bound stands what is no JSON: nobody has looked at it.
    ['a list without end', '1,'.repeat(500_000).replace(/^/, '['), VALUES],
    ['lists without end', '['.repeat(1_000_000), DEPTH],
    ['objects without end', '{"a":'.repeat(200_000), DEPTH],
  ] as const)('%s', async ([, body, text]) => expect(await refusalOf('application/json', body)).toBe(text))

  test('side by side they may be as many as they like', async () => {
    const body = `[${Array.from({ length: 100 }, () => nested('[', ']', 63)).join(',')}]`
    expect(await refusalOf('application/json', body)).toBeNull()
  })

  test('a route may have bounds of its own', async () => {
    const parse = bodyParserFor('application/json')
    const bounds = { ...BODY_BOUNDS, values: 200_000 }
    await expect(parse(Buffer.from(list(199_999)), bounds)).resolves.toHaveLength(199_999)
    await expect(parse(Buffer.from(list(200_000)), bounds)).rejects.toThrow(Refusal)
  })
})

describe('the bounds of a form (rest-v1 D19)', () => {
  const FORM = 'application/x-www-form-urlencoded'
  const MULTIPART = 'multipart/form-data; boundary=b'

  test.for([
    ['fields at the bound', fields(1_000), null],
    ['fields beyond it', fields(1_001), FIELDS],
    ['fields without names', '&'.repeat(200_000), FIELDS],
    ['200 000 fields', 'a=1&'.repeat(200_000), FIELDS],
  ] as const)('%s', async ([, body, text]) => expect(await refusalOf(FORM, body)).toBe(text))

  test.for([
    ['parts at the bound', parts(1_000), null],
    ['parts beyond it', parts(1_001), FIELDS],
    ['a long head', `--b\r\n${'X: y\r\n'.repeat(40_000)}\r\n\r\n--b--\r\n`, HEADS],
    ['a head without end', `--b\r\n${'X: y\r\n'.repeat(40_000)}`, HEADS],
    ['heads that are long together', `--b\r\n${'X: y\r\n'.repeat(160)}\r\nx\r\n`.repeat(900), HEADS],
  ] as const)('%s', async ([, body, text]) => expect(await refusalOf(MULTIPART, body)).toBe(text))
})

/** What is said of a body that is refused; null: it is not. */
async function refusalOf(type: string, body: string): Promise<unknown> {
  try {
    await bodyParserFor(type)(Buffer.from(body), BODY_BOUNDS)
    return null
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    expect(error.response.status).toBe(400)
    return (error.response.body as { detail: string }).detail
  }
}

/** With the list itself there is one value more. */
function list(length: number): string {
  return `[${Array.from({ length }, () => '1').join(',')}]`
}

function object(length: number): string {
  return `{${Array.from({ length }, (_, index) => `"k${index}":1`).join(',')}}`
}

function nested(open: string, close: string, depth: number): string {
  return open.repeat(depth) + close.repeat(depth)
}

function fields(length: number): string {
  return Array.from({ length }, (_, index) => `k${index}=1`).join('&')
}

function parts(length: number): string {
  const part = (name: string) => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\nx\r\n`
  return `${Array.from({ length }, (_, index) => part(`k${index}`)).join('')}--b--\r\n`
}
