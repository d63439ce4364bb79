import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'

/** An error of the HTTP parser of Node.js. */
interface ClientError extends NodeJS.ErrnoException {
  readonly reason?: string
}

const UNKNOWN_CODING = 'Request has invalid `Transfer-Encoding`'

/** What an API says of an error. */
export type RefusalBody = (status: number, text: string) => object

/** The words of what belongs to no API. */
const plainBody: RefusalBody = (_status, text) => ({ detail: `${text}.` })

/**
 * Answers what never became a request: bytes that are no HTTP, headers without end, a request that did not arrive in
 * time. The form is that of every other refusal of the listener; then the connection ends.
 *
 * @returns the status; null: nothing was refused.
 */
export function answerClientError(
  error: ClientError,
  socket: Socket,
  bodyOf: RefusalBody = plainBody,
): 400 | 408 | 431 | null {
  if (error.code === 'ECONNRESET' || socket.destroyed) return null
  // Its head has become a request already, which `refuseByHead` answers with 501.
  if (error.reason === UNKNOWN_CODING) {
    socket.destroySoon()
    return null
  }
  const status = statusFor(error.code)
  const text = STATUS_CODES[status] ?? ''
  const body = JSON.stringify(bodyOf(status, text))
  const headers = [
    'Content-Type: application/json',
    'X-Content-Type-Options: nosniff',
    `Content-Length: ${body.length}`,
    'Connection: close',
  ]
  if (socket.writable) socket.write([`HTTP/1.1 ${status} ${text}`, ...headers, '', body].join('\r\n'))
  socket.destroy(error)
  return status
}

function statusFor(code: string | undefined): 400 | 408 | 431 {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 408
  return code === 'HPE_HEADER_OVERFLOW' ? 431 : 400
}
