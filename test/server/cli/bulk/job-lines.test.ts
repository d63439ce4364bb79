import { PassThrough } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import type { BulkJob } from '../../../../core/bulk/job.ts'
import {
  endLines,
  exitCodeOf,
  nextLines,
  progressLine,
  progressParts,
  timeLeft,
} from '../../../../server/cli/bulk/job-lines.ts'

const pipe = new PassThrough()

describe('a job as a person sees it', () => {
  test('has a bar with lines, failures, rate and time left, no wider than the terminal', () => {
    const running = job({
      state: 'running',
      done: 520,
      ratePerSecond: 41_000,
      counts: { created: 510, courseFull: 10 },
    })
    const estimatedEnd = new Date(Date.now() + 11_000).toISOString()
    expect(progressLine({ ...running, estimatedEnd }, 120)).toBe(
      '████████████░░░░░░░░░░░░ 52 %  520 of 1,000  10 failed  41,000 lines/s  11 s left',
    )
    expect([...progressLine({ ...running, estimatedEnd }, 60)]).toHaveLength(55)
    expect(progressParts(job({ state: 'queued', done: 0, total: null }))).toEqual(['waiting for a server'])
    expect(progressParts(job({ state: 'running', phase: 'checking', done: 0 }))).toEqual(['comparing the lines'])
  })

  test('ends with its counts, what was done before what failed, and says what to do next', () => {
    const ended = job({ counts: { courseFull: 10, created: 989, unchanged: 1 } })
    expect(endLines(pipe, ended)).toBe(
      `Job ${ended.jobId} is done: 1,000 lines in 4 s.\n  989  created\n    1  unchanged\n   10  courseFull (failed)\n`,
    )
    expect(nextLines(pipe, ended)).toContain('bulk results 01234567 --only-failed')
    expect(nextLines(pipe, job())).toBe('')
  })

  test('says sentences that end with a word where the terminal ends', () => {
    const terminal = Object.assign(new PassThrough(), { isTTY: true as const, columns: 40 })
    const ended = job({
      counts: { courseFull: 1_000 },
      warnings: ['Columns that are not known and were left out: “department”.'],
    })
    const text = stripVTControlCharacters(endLines(terminal, ended) + nextLines(terminal, ended))
    expect(text).toContain('Note: Columns that are not known and\nwere left out: “department”.\n')
    expect(text).toContain('Why lines failed, and a file of them to\ncorrect and send again:\n')
  })

  test.each<[Partial<BulkJob>, number]>([
    [{ counts: { created: 990, unchanged: 10 } }, 0],
    [{ counts: { created: 999, learnerNotFound: 1 } }, 1],
    [{ state: 'cancelled', counts: { created: 1 } }, 1],
    [{ state: 'failed', counts: {} }, 2],
  ])('%j ends a command with %i', (fields, code) => {
    expect(exitCodeOf(job(fields))).toBe(code)
  })

  test.each([
    [-1, '0 s'],
    [99_000, '99 s'],
    [180_000, '3 min'],
    [7_500_000, '2 h 5 min'],
  ])('%i ms are %s', (ms, words) => {
    expect(timeLeft(ms)).toBe(words)
  })
})

function job(fields: Partial<BulkJob> = {}): BulkJob {
  return {
    jobId: '01234567-89ab-4cde-8f01-23456789abcd',
    name: null,
    state: 'done',
    phase: 'running',
    action: 'enroll',
    source: 'upload',
    failureMode: 'bestEffort',
    dryRun: false,
    actor: { kind: 'system', name: 'cli' },
    reason: null,
    parentJobId: null,
    total: 1_000,
    done: 1_000,
    counts: { created: 1_000 },
    ratePerSecond: null,
    estimatedEnd: null,
    createdAt: '2026-11-01T12:00:00Z',
    startedAt: '2026-11-01T12:00:01Z',
    endedAt: '2026-11-01T12:00:05Z',
    lastError: null,
    planFingerprint: null,
    warnings: [],
    ...fields,
  }
}
