import { printable } from '../../core/import-export/printable.ts'

/** Shorter texts are no secrets, but words. */
const SHORTEST_SECRET = 4

/** Stands in the headers of credentials, and hides nothing. */
const WORD = /^(Bearer|Basic|Token|true|false)$/i

/** Headers that say how one would like to be answered. */
const NO_SECRET = /^(accept.*|user-agent|content-.*|use-.*|x-request-id)$/

/** The values of headers that may be secrets. */
export function secretsOf(headers: Readonly<Record<string, string>>): string[] {
  return Object.entries(headers).flatMap(([name, value]) => (NO_SECRET.test(name) ? [] : [value]))
}

/** Takes secrets out of texts, so that an answer which repeats them does not carry them into a report. */
export function hiderOf(values: readonly string[]): (text: string) => string {
  const secrets = values
    .flatMap((value) => [value, ...value.split(/[\s,;=]+/)])
    .filter((secret) => secret.length >= SHORTEST_SECRET && !WORD.test(secret))
    .flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)])
    .toSorted((a, b) => b.length - a.length)
  return (text) => secrets.reduce((hidden, secret) => hidden.replaceAll(secret, '[hidden]'), text)
}

const LONGEST_SHOWN = 400

/** A text of a server on a terminal: on one line, shortened where it is long. */
export function shown(text: string): string {
  const short = text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}… (${text.length} characters)` : text
  return printable(short)
}
