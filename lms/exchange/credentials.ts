import { CommandError } from '../../server/cli/failure.ts'

const HEADER = /^([A-Za-z0-9-]{1,100}): *([\u0021-\u007e](?:[\u0020-\u007e]*[\u0021-\u007e])?)$/
/** They say how a request is sent, and who sends it does not choose them. */
const NOT_CHOSEN = ['host', 'connection', 'content-length', 'transfer-encoding', 'upgrade', 'expect', 'te']

/**
 * The headers of `--key` and `--header`.
 *
 * @throws {CommandError} for one that is none; its value, a secret, is not repeated.
 */
export function credentialHeaders(key: string | undefined, headers: readonly string[]): Record<string, string> {
  const pairs = headers.map((header): [string, string] => {
    const [, name = '', value = ''] = HEADER.exec(header) ?? []
    if (name === '') throw new CommandError("A header has to be written as 'Name: value'.")
    if (NOT_CHOSEN.includes(name.toLowerCase())) throw new CommandError(`The header ${name} cannot be chosen.`)
    return [name.toLowerCase(), value]
  })
  if (key !== undefined && !/^[\u0021-\u007e]+$/.test(key)) {
    throw new CommandError('An API key has no blanks, and no letters beyond ASCII.')
  }
  return { ...(key !== undefined && { 'x-edx-api-key': key }), ...Object.fromEntries(pairs) }
}
