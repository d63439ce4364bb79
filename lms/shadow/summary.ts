import { NOT_COMPARED, NOT_COMPARED_WHEN_WRITING } from '../exchange/alike.ts'
import { shown } from '../exchange/hide.ts'
import { KNOWN_DIFFERENCES } from '../exchange/known-differences.ts'
import type { Finding, ShadowCounts } from './tally.ts'

export interface SummaryOptions {
  /** Whether writes were replayed. */
  readonly writes: boolean
  /** Whether the answers of the LMS are those of the log. */
  readonly recorded: boolean
}

/** What a person reads when a log has been compared: the differences, then the table. */
export function summary(
  counts: ShadowCounts,
  findings: readonly Finding[],
  { writes, recorded }: SummaryOptions,
): string {
  const notCompared = [...NOT_COMPARED, ...(writes ? [NOT_COMPARED_WHEN_WRITING] : [])]
  return [
    ...findings.map((finding) => describeFinding(finding, recorded ? 'then:' : 'LMS: ')),
    ...rows(counts).map(([name, count, detail]) =>
      `${name.padEnd(18)}${number(count).padStart(10)}   ${detail}`.trimEnd(),
    ),
    '',
    `Not compared: ${notCompared.join('; ')}.`,
    ...Object.keys(counts.knownBySection).map(explain),
    ...remarks(counts),
    verdict(counts),
    '',
  ].join('\n')
}

function describeFinding(finding: Finding, first: string): string {
  const head = `${finding.kind}: ${finding.method} ${shown(finding.path)}, line ${finding.place}`
  if (finding.why !== undefined) return `${head}\n  ${shown(finding.why)}\n`
  const { lms, here, differences = [] } = finding
  return [
    head,
    ...differences.slice(0, 5).map((difference) => `  ${shown(difference)}`),
    `  ${first} ${lms?.status} ${shown(lms?.body ?? '')}`,
    `  here: ${here?.status} ${shown(here?.body ?? '')}`,
    '',
  ].join('\n')
}

function rows(counts: ShadowCounts): [string, number, string][] {
  const later = counts.equalLater === 0 ? '' : `${number(counts.equalLater)} of them when asked once more`
  return [
    ['requests', counts.requests, ''],
    ['equal', counts.equal, later],
    ['known difference', counts.known, listed(counts.knownBySection)],
    ['different', counts.different, ''],
    ['skipped', counts.skipped, listed(counts.skippedBy)],
    ['failed', counts.failed, ''],
  ]
}

function listed(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name}: ${number(count)}`)
    .join(', ')
}

function explain(section: string): string {
  const what = KNOWN_DIFFERENCES.find((known) => known.section === section)?.what ?? ''
  return `Known difference ${section} (rest-v1 §0): ${what}.`
}

/** Equal answers prove little where nobody was let in. */
function remarks({ equal, refused, statusOnly }: ShadowCounts): string[] {
  const isRefused = refused * 2 > equal
  const words = 'of the equal answers are 401 or 403: give --key or --header so that there is something to compare.'
  return [
    ...(statusOnly > 0
      ? [`${number(statusOnly)} were compared by their status alone: the log does not hold bodies.`]
      : []),
    ...(isRefused ? [`${number(refused)} ${words}`] : []),
  ]
}

function verdict(counts: ShadowCounts): string {
  const compared = counts.equal + counts.known + counts.different
  if (counts.different > 0) return 'There are differences.'
  if (counts.failed > 0) return 'Not all requests were answered: this is no proof yet.'
  return compared === 0 ? 'Nothing was compared.' : 'Nothing is different.'
}

function number(value: number): string {
  return value.toLocaleString('en')
}
