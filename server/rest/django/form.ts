import { decodeQueryText } from './percent.ts'

/** The parameters of a query or the fields of a form; of one that is named twice the last counts. */
export type Fields = ReadonlyMap<string, string>

/** Parses `a=1&b=2` as Django does: a name without `=` is there, and empty. */
export function parseFields(text: string): Fields {
  const fields = new Map<string, string>()
  for (const part of text.split('&')) {
    if (part === '') continue
    const equals = part.indexOf('=')
    const name = equals === -1 ? part : part.slice(0, equals)
    const value = equals === -1 ? '' : part.slice(equals + 1)
    fields.set(decodeQueryText(name), decodeQueryText(value))
  }
  return fields
}
