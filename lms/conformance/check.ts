import { isObject, jsonDifferences, jsonOf } from '../exchange/json-differences.ts'
import type { Answer } from '../exchange/server.ts'
import type { Expected } from './case.ts'

/** What an answer is not; empty: it is as expected. */
export function faultsOf(expected: Expected, answer: Answer): string[] {
  const json = jsonOf(answer.text)
  return [
    ...statusFaults(expected.status, answer.status),
    ...(expected.text === undefined || answer.text === expected.text ? [] : ['the body is another text']),
    ...(expected.json === undefined ? [] : compared(json, expected.json)),
    ...(expected.like === undefined ? [] : compared(partOf(json, expected.like), expected.like)),
    ...(expected.keys === undefined ? [] : keyFaults(json, expected.keys)),
    ...(expected.shape?.safeParse(json).error?.issues.map(inWords) ?? []),
    ...Object.entries(expected.headers ?? {}).flatMap(([name, value]) =>
      headerFaults(name, value, answer.headers[name]),
    ),
  ]
}

function statusFaults(expected: number | null, got: number): string[] {
  return expected === null || got === expected ? [] : [`status ${got} instead of ${expected}`]
}

function compared(got: unknown, expected: unknown): string[] {
  if (got === undefined) return ['the body is no JSON']
  return jsonDifferences(got, expected).map((difference) => `got and expected: ${difference}`)
}

/** What of a value another one speaks of. */
function partOf(value: unknown, like: unknown): unknown {
  if (Array.isArray(value) && Array.isArray(like)) {
    return value.map((item: unknown, index) => (index < like.length ? partOf(item, like[index]) : item))
  }
  if (!isObject(value) || !isObject(like)) return value
  return Object.fromEntries(
    Object.keys(like)
      .filter((key) => key in value)
      .map((key) => [key, partOf(value[key], like[key])]),
  )
}

function keyFaults(json: unknown, keys: readonly string[]): string[] {
  const got = isObject(json) ? Object.keys(json).join(', ') : 'none'
  return got === keys.join(', ') ? [] : [`the keys are ${got} instead of ${keys.join(', ')}`]
}

function headerFaults(name: string, expected: string | RegExp | null, got: string | undefined): string[] {
  if (expected === null) return got === undefined ? [] : [`the header ${name} is '${got}' instead of absent`]
  const isRight = got !== undefined && (typeof expected === 'string' ? got === expected : expected.test(got))
  return isRight ? [] : [`the header ${name} is ${got === undefined ? 'absent' : `'${got}'`} instead of ${expected}`]
}

function inWords({ path, message }: { path: readonly PropertyKey[]; message: string }): string {
  return `${path.length === 0 ? 'the body' : path.map(String).join('.')}: ${message}`
}
