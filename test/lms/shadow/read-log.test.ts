import { describe, expect, test } from 'vitest'
import type { LogEntry } from '../../../lms/shadow/logged.ts'
import { readLog } from '../../../lms/shadow/read-log.ts'

const PATH = '/api/enrollment/v1/enrollment?user=bob'

describe('lines of JSON', () => {
  test.for([
    ['as nginx writes them', { request_method: 'GET', request_uri: PATH, status: '200' }],
    ['with the query apart', { method: 'GET', uri: '/api/enrollment/v1/enrollment', args: 'user=bob', status: 200 }],
    ['with the line of the request', { request: `GET ${PATH} HTTP/1.1`, status: 200 }],
    ['with an absolute address', { method: 'get', url: `https://user:pass@lms.example.org${PATH}`, status: 200 }],
    ['as pairs', { request: { method: 'GET', path: PATH }, response: { status: 200 } }],
  ] as const)('%s', async ([, line]) => {
    const [entry] = await read(JSON.stringify(line))
    expect(entry).toMatchObject({
      place: 1,
      request: { method: 'GET', path: PATH },
      recorded: { status: 200, text: null },
    })
  })

  test('an answer beside the request, as text or as JSON', async () => {
    const request = { method: 'GET', path: PATH }
    for (const body of ['[{"a":1}]', [{ a: 1 }]]) {
      const [entry] = await read(JSON.stringify({ request, response: { status: 200, body } }))
      expect(entry).toMatchObject({ recorded: { status: 200, text: '[{"a":1}]' } })
    }
  })

  test('the body of a write, with its type', async () => {
    const line = {
      request_method: 'POST',
      request_uri: PATH,
      request_body: '{"a":1}',
      content_type: 'application/json',
    }
    const [entry] = await read(JSON.stringify(line))
    expect(entry).toMatchObject({ request: { body: '{"a":1}', headers: { 'content-type': 'application/json' } } })
  })

  test('what cannot be read costs no other line', async () => {
    const good = JSON.stringify({ method: 'GET', path: PATH })
    const entries = await read(`{"method":\n${good}\n{"path":"/x"}\n{"method":"GET"}\n\nnonsense\n${good}`)
    expect(entries.map((entry) => ('unreadable' in entry ? entry.unreadable : entry.place))).toEqual([
      'not JSON',
      2,
      'without a method',
      'without an address',
      'not a line of an access log',
      7,
    ])
  })
})

test('lines of an access log', async () => {
  const entries = await read(
    [
      `10.0.0.1 - bob [28/Nov/2026:22:00:00 +0000] "GET ${PATH} HTTP/1.1" 200 123 "-" "curl/8 \\x22 (x)" 0.2`,
      `10.0.0.1 - - [28/Nov/2026:22:00:00 +0000] "POST /api/x HTTP/2.0" 404 0`,
      `10.0.0.1 - - [28/Nov/2026:22:00:00 +0000] "\\x16\\x03" 400 0`,
    ].join('\n'),
  )
  expect(entries).toMatchObject([
    { request: { method: 'GET', path: PATH }, recorded: { status: 200, text: null } },
    { request: { method: 'POST', path: '/api/x' }, recorded: { status: 404 } },
    { unreadable: 'not a line of an access log' },
  ])
})

describe('HAR', () => {
  const entry = (number: number, more: object = {}) => ({
    request: {
      method: 'GET',
      url: `https://lms.example.org${PATH}&n=${number}`,
      headers: [
        { name: 'Accept', value: 'application/json' },
        { name: 'Authorization', value: 'JWT secret-of-the-log' },
        { name: 'Cookie', value: 'sessionid=secret-of-the-log' },
      ],
      cookies: [{ name: 'sessionid', value: 'secret-of-the-log' }],
    },
    response: { status: 200, content: { size: 2, text: '"[{}]\\"' } },
    ...more,
  })
  const har = (...entries: object[]) =>
    JSON.stringify({
      log: {
        version: '1.2',
        creator: { entries: [1, { a: '}' }] },
        pages: [{ id: '"entries":[' }],
        entries,
        comment: '{[',
      },
    })

  test.for([1, 7, 64, 100_000])('is cut into entries wherever its pieces of %i bytes end', async (size) => {
    const entries = await read(har(entry(1), entry(2, { comment: 'é😀\\"}{][' }), entry(3)), size)
    expect(entries.map((each) => ('request' in each ? each.request.path : each))).toEqual(
      [1, 2, 3].map((number) => `${PATH}&n=${number}`),
    )
    expect(entries[0]).toMatchObject({ recorded: { status: 200, text: '"[{}]\\"' } })
  })

  test('a body in base 64, an empty one, one that is not there', async () => {
    const content = (of: object) => entry(1, { response: { status: 200, content: of } })
    const encoded = { text: Buffer.from('[1]').toString('base64'), encoding: 'base64', size: 3 }
    const entries = await read(har(content(encoded), content({ size: 0 }), content({ size: 10 })))
    expect(entries.map((each) => ('recorded' in each ? each.recorded?.text : each))).toEqual(['[1]', '', null])
  })

  test('without a request', async () => {
    expect(await read(har({ response: {} }))).toEqual([{ place: 1, unreadable: 'without a request' }])
  })

  test('credentials of the log are not kept', async () => {
    expect(JSON.stringify(await read(har(entry(1))))).not.toContain('secret-of-the-log')
  })
})

test('parameters that may be credentials are not kept', async () => {
  const [entry] = await read(
    JSON.stringify({
      method: 'GET',
      path: `${PATH}&access_token=x&%74oken=y&API_KEY=z&csrfmiddlewaretoken=q&cursor=c#f`,
    }),
  )
  expect(entry).toMatchObject({ request: { path: `${PATH}&cursor=c` } })
})

async function read(text: string, size = 1_000): Promise<LogEntry[]> {
  return Array.fromAsync(readLog(pieces(Buffer.from(text), size)))
}

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
