import { connect } from 'node:net'
import fc from 'fast-check'

const LINES = [
  'GET /healthz HTTP/1.1',
  'POST /api/enrollment/v1/enrollment HTTP/1.1',
  'POST /nowhere HTTP/1.1',
  'TRACE /trpc/course.get HTTP/1.1',
  'OPTIONS * HTTP/1.1',
  'CONNECT a:1 HTTP/1.1',
  'GET http://evil.example/healthz HTTP/1.1',
  'GET /healthz HTTP/1.0',
  'GET /healthz',
  'POST /trpc/enrollment.enroll HTTP/1.1',
  'PRI * HTTP/2.0',
  'GET /%00%zz?%ff=\u00FF HTTP/1.1',
]
const HEADERS = [
  'Host: a',
  'Host: b',
  'hOsT : c',
  'Content-Length: 5',
  'Content-Length: 9999999999',
  'Content-Length: -1',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: gzip',
  'Expect: 100-continue',
  'Upgrade: websocket\r\nConnection: upgrade',
  'Content-Type: application/json',
  'Authorization: Bearer token-of-enterprise',
  'X-Edx-Api-Key: api-key',
  `X-Long: ${'x'.repeat(20_000)}`,
  ' folded: yes',
  'Cookie: \u0000',
  'Connection: keep-alive',
]
const BODIES = [
  '',
  '{}',
  '5\r\nhello\r\n0\r\n\r\n',
  'zz\r\n',
  'x'.repeat(200_000),
  '[[[[',
  'GET / HTTP/1.1\r\n\r\n',
  '\0\0\0',
]

/** Bytes that look like requests, more or less. */
export const rawBytes = fc
  .tuple(
    fc.constantFrom(...LINES),
    fc.subarray(HEADERS),
    fc.constantFrom('\r\n', '\r\n', '\r\n', '\n'),
    fc.constantFrom(...BODIES),
    fc.oneof({ weight: 4, arbitrary: fc.constant(Infinity) }, { weight: 1, arbitrary: fc.nat({ max: 300 }) }),
  )
  .map(([line, headers, end, body, cut]) =>
    Buffer.from([line, ...headers, '', body].join(end), 'latin1').subarray(0, cut === Infinity ? undefined : cut),
  )

const ANSWER_MS = 100

/**
 * Sends bytes and leaves soon after: many of them are no whole request.
 *
 * @returns what is wrong with what came back, or null.
 */
export async function verdictOnRaw(url: string, bytes: Buffer): Promise<string | null> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  let received = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => (received += chunk))
  socket.on('error', () => {})
  socket.write(bytes)
  await new Promise<void>((resolve) => {
    socket.once('close', () => resolve())
    setTimeout(resolve, ANSWER_MS)
  })
  socket.destroy()
  const statuses = [...received.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status]) => Number(status))
  // An unknown transfer coding (rest-v1 D23).
  const wrong = statuses.find((status) => status >= 500 && status !== 501)
  if (wrong !== undefined) return `status ${wrong} to ${JSON.stringify(bytes.toString('latin1').slice(0, 300))}`
  return received.length > 65_536 * Math.max(1, statuses.length) ? `an answer of ${received.length} bytes` : null
}
