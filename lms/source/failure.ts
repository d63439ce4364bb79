/** The database of the LMS refused, or did not answer. Its message is for a person and names no password. */
export class LmsSourceError extends Error {
  override readonly name = 'LmsSourceError'
  /** Of the driver or of Node.js: `ER_ACCESS_DENIED_ERROR`, `ECONNREFUSED`. */
  readonly code: string

  constructor(place: string, cause: unknown) {
    const { code, message } = wordsOf(cause)
    super(`The database of the LMS (${place}) ${HINTS[code] ?? `failed: ${message || code}.`}`, { cause })
    this.code = code
  }
}

const NO_ANSWER = 'does not answer: is it running, and is the URL right?'

const HINTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: NO_ANSWER,
  ENOTFOUND: NO_ANSWER,
  EAI_AGAIN: NO_ANSWER,
  EHOSTUNREACH: NO_ANSWER,
  ETIMEDOUT: NO_ANSWER,
  ECONNRESET: 'went away in the middle.',
  PROTOCOL_CONNECTION_LOST: 'went away in the middle.',
  ER_ACCESS_DENIED_ERROR: 'does not let this user in: check the name and the password.',
  ER_DBACCESS_DENIED_ERROR: 'does not let this user read: grant select on it.',
  ER_BAD_DB_ERROR: 'does not exist: check the name.',
}

function wordsOf(error: unknown): { readonly code: string; readonly message: string } {
  if (error instanceof AggregateError && error.errors.length > 0) return wordsOf(error.errors[0])
  if (!(error instanceof Error)) return { code: '', message: String(error) }
  return { code: 'code' in error ? String(error.code) : '', message: error.message }
}

/** The database of a URL in words: `edxapp at db.example.com:3306`. */
export function placeOf(url: string): string {
  const { host, pathname } = URL.parse(url) ?? { host: '', pathname: '' }
  return `${decodeURIComponent(pathname.slice(1)) || 'no name'} at ${host || 'an unknown host'}`
}
