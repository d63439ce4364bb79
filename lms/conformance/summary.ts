import { shown } from '../exchange/hide.ts'
import { KNOWN_DIFFERENCES } from '../exchange/known-differences.ts'
import type { Result } from './run.ts'

const KINDS = ['passed', 'failed', 'known', 'skipped'] as const
export type Counts = Record<(typeof KINDS)[number], number>

/** How many cases passed, failed, are known differences and were skipped. */
export function countsOf(results: readonly Result[]): Counts {
  const counts: Counts = { passed: 0, failed: 0, known: 0, skipped: 0 }
  for (const { kind } of results) counts[kind] += 1
  return counts
}

/** The same by section: `3.2 row 15a` counts as `3.2`. */
export function countsBySection(results: readonly Result[]): [section: string, counts: Counts][] {
  const groups = Object.groupBy(results, ({ section }) => section.split(' ', 1)[0] ?? '')
  return Object.entries(groups)
    .toSorted(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))
    .map(([section, group = []]) => [section, countsOf(group)])
}

/** What a person reads at the end: the failures, the table, why cases were skipped. */
export function summary(results: readonly Result[]): string {
  const lines = countsBySection(results).map(([section, counts]) => row(`§${section}`, counts))
  const known = results.flatMap((result) => (result.kind === 'known' ? [result.known] : []))
  return [
    ...results.flatMap(describeFailure),
    ['section'.padEnd(10), ...KINDS.map((kind) => kind.padStart(9))].join(''),
    ...lines,
    row('all', countsOf(results)),
    '',
    ...counted(known).map(([section, count]) => `known difference ${section}, ${count} cases: ${explained(section)}`),
    ...counted(results.flatMap((result) => (result.kind === 'skipped' ? [result.why] : []))).map(
      ([why, count]) => `skipped ${count}: ${why}`,
    ),
    verdict(countsOf(results)),
    '',
  ].join('\n')
}

function row(name: string, counts: Counts): string {
  return [name.padEnd(10), ...KINDS.map((kind) => String(counts[kind]).padStart(9))].join('')
}

function describeFailure(result: Result): string[] {
  if (result.kind !== 'failed') return []
  const { as, request, expected, got, faults } = result
  const body = request.body === undefined ? '' : ` ${shown(request.body)}`
  return [
    `failed §${result.section}: ${shown(result.what)}`,
    `  ${as}: ${request.method} ${shown(request.path)}${body}`,
    `  expected: ${expected === null ? 'an answer' : shown(expectedInWords(expected))}`,
    ...(got === null ? [] : [`  got: ${got.status} ${shown(got.body)}`]),
    ...faults.map((fault) => `  ${shown(fault)}`),
    '',
  ]
}

function expectedInWords({
  status,
  json,
  like,
  text,
  headers,
}: NonNullable<(Result & { kind: 'failed' })['expected']>) {
  const bodies = [
    ...(text === undefined ? [] : [text === '' ? 'an empty body' : text]),
    ...(json === undefined ? [] : [JSON.stringify(json)]),
    ...(like === undefined ? [] : [`at least ${JSON.stringify(like)}`]),
    ...Object.entries(headers ?? {}).map(([name, value]) => (value === null ? `no ${name}` : `${name}: ${value}`)),
  ]
  return [status ?? 'any status', ...bodies].join(', ')
}

function counted(texts: readonly string[]): [string, number][] {
  return Object.entries(Object.groupBy(texts, (text) => text)).map(([text, group = []]) => [text, group.length])
}

function explained(section: string): string {
  return KNOWN_DIFFERENCES.find((known) => known.section === section)?.what ?? ''
}

function verdict({ passed, failed, known, skipped }: Counts): string {
  if (failed > 0) return `${failed} of ${passed + failed + known + skipped} cases failed.`
  if (passed + known === 0) return 'No case was run.'
  return skipped === 0 ? 'All cases passed.' : `All cases that were run passed; ${skipped} were not.`
}
