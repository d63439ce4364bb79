/** An address that messages may not be sent to; what the receiver is told of it says no more. */
export class AddressRefused extends Error {
  override readonly name = 'AddressRefused'
}

/** What an operator reads of an attempt that got no answer: never an address, never a stack. */
export function failureInWords(error: unknown): string {
  const cause = causeOf(error)
  if (cause instanceof AddressRefused) return cause.message
  const code = codeOf(cause)
  return (
    WORDS[code] ?? (code.startsWith('HPE_') ? 'The answer is not HTTP' : `The request failed (${code || 'unknown'})`)
  )
}

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'The connection was refused',
  ECONNRESET: 'The connection was cut off',
  EPIPE: 'The connection was cut off',
  UND_ERR_SOCKET: 'The connection was cut off',
  ENOTFOUND: 'The name of the host is not known',
  EAI_AGAIN: 'The name of the host cannot be looked up',
  EHOSTUNREACH: 'The host cannot be reached',
  ENETUNREACH: 'The network of the host cannot be reached',
  ETIMEDOUT: 'The connection took too long',
  UND_ERR_CONNECT_TIMEOUT: 'The connection took too long',
  UND_ERR_HEADERS_OVERFLOW: 'The headers of the answer are too long',
  CERT_HAS_EXPIRED: 'The certificate has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'The certificate is signed by itself',
  SELF_SIGNED_CERT_IN_CHAIN: 'The certificate is signed by itself',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'The certificate cannot be verified',
  ERR_TLS_CERT_ALTNAME_INVALID: 'The certificate is for another name',
  ERR_SSL_WRONG_VERSION_NUMBER: 'The host does not speak TLS',
}

/** Where several addresses were tried, what the last of them answered; where an error wraps another one, that one. */
function causeOf(error: unknown): unknown {
  if (error instanceof AggregateError) return causeOf(error.errors.at(-1))
  return error instanceof Error && error.cause instanceof Error && codeOf(error) === '' ? causeOf(error.cause) : error
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}
